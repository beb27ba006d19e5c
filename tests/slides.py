"""What a slide must hold to, measured in the page: nothing cut off, nothing too small to read."""

# Go through the slides of the notebook in view; return how many there are and what is wrong with each.
MEASURE = """async () => {
    const commands = jupyterapp.commands, problems = [];
    const stage = document.querySelector('.slides .jp-WindowedPanel-viewport');
    const counter = document.querySelector('.slides-bar output');
    const size = element => parseFloat(getComputedStyle(element).fontSize);
    const bottom = () => stage.getBoundingClientRect().bottom - parseFloat(getComputedStyle(stage).paddingBottom);
    let before = '';
    for (;;) {
        const at = counter.value;
        const tell = text => problems.push(`slide ${at.split(' ')[0]}: ${text}`);
        const cells = [...stage.children].filter(cell => cell.getBoundingClientRect().height);
        if (!cells.length) tell('empty');
        const low = Math.max(...cells.map(cell => cell.getBoundingClientRect().bottom)) - bottom();
        if (low > 15) tell(`${Math.round(low)} px below the edge: ${cells.at(-1).innerText.slice(0, 60)}`);
        for (const element of cells.flatMap(cell => [...cell.querySelectorAll('*')])) {
            const box = element.getBoundingClientRect();
            if (!box.width || !box.height || element.closest('.slides-later')) continue;
            if (element.closest('mjx-assistive-mml, .jp-cell-menu, .cm-announced')) continue;
            if (box.right > 1281 && !element.closest('.cm-editor, .noUi-target, mjx-container'))
                tell(`${element.tagName} ${Math.round(box.right - 1280)} px beyond the right edge`);
            if (element.matches('.cm-scroller, mjx-container[display=true], .jp-OutputArea-output pre')
                && (element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0))
                tell(`${element.className || element.tagName} cut off: ${element.innerText.slice(0, 60)}`);
            if (element.matches('.jp-OutputArea-output img') && box.height < 280)
                tell(`a figure of ${Math.round(box.height)} px: ${element.alt.slice(0, 60)}`);
            if (element.matches('input[type=number]') && element.scrollWidth > element.clientWidth + 1)
                tell(`a number cut off: ${element.value}`);
            if (element.matches('mjx-container[display=true]') && size(element) < 20)
                tell(`a formula of ${size(element)} px: ${element.innerText.slice(0, 60)}`);
            const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
            const least = element.closest('.cm-editor, pre') ? 20 : 24;
            if (own && !element.closest('mjx-container, sup, sub') && size(element) < least)
                tell(`text of ${size(element)} px: ${element.innerText.slice(0, 60)}`);
        }
        await commands.execute('slides:next');
        const state = counter.value + stage.querySelectorAll('.slides-later').length;
        if (state === before) return [parseInt(at.split('/')[1]), [...new Set(problems)]];
        before = state;
    }
}"""
SETTLED = """() => {
    const text = document.querySelector('.slides-bar output')?.value + document.querySelector('.slides').innerHTML.length;
    const same = text === window.lastSlides;
    window.lastSlides = text;
    return same;
}"""


def measure(page):
    """How many slides the notebook in view has, and a line for each thing wrong with them."""
    page.wait_for_selector(".slides .slides-bar")
    page.wait_for_function(SETTLED, polling=700)  # mathematics is typeset after the cells are there
    page.keyboard.press("Home")
    return page.evaluate(MEASURE)
