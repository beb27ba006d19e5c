// A notebook as slides inside JupyterLab, with its kernel and its sliders.
//
// Slides follow the cells' slide marks (metadata.slideshow.slide_type).  What is marked as one slide
// and does not fit one screen is dealt out over several; an explorer always has one of its own.
// A paragraph of more than WORDS words shows its first sentence; all of it stands in the notes, as
// do cells marked `notes`.  Questions, answers and exercises are shown whole.  Not shown are `skip`,
// folded code, an explorer's call, checks and solutions.  Every size below is in pixels of a stage
// of 1280 × 720, which is zoomed to the window.
//
// This file is loaded as it stands: an extension in the form that JupyterLab's build would give it.
(() => {
  const STAGE = { width: 1280, height: 720 };
  const ROOM = 652; // height for a slide's content: the stage without margins and bar
  const WIDE = 1216;
  const FIGURE = 410; // a figure's least height, so that its letters can be read
  const GAP = 14; // under each block, as in slides.css
  const WORDS = 40;

  const style = document.createElement("link");
  Object.assign(style, {
    rel: "stylesheet",
    href: document.currentScript.src.replace(/\.js(\?|$)/, ".css$1"),
  });
  document.head.append(style);
  const asked = new URLSearchParams(location.search).get("slides"); // before Lab tidies the address

  class Slides {
    constructor(app, panel) {
      Object.assign(this, { app, panel, notebook: panel.content, page: 0, step: 0, pages: [] });
      this.config = this.notebook.notebookConfig;
      this.stage = this.notebook.viewportNode;
    }

    async open() {
      this.notebook.notebookConfig = { ...this.config, windowingMode: "none" };
      await Promise.all(this.notebook.widgets.map((cell) => cell.ready));
      for (let i = 0; i < 100 && !this.notebook.widgets.every(rendered); i++) await pause(100);
      for (let n = this.panel.node; n; n = n.parentElement) n.classList.add("slides-above");
      this.panel.addClass("slides");
      this.bar = this.makeBar();
      this.panel.node.append(this.bar);
      this.onKey = (event) => this.key(event);
      this.onResize = () => this.fit();
      window.addEventListener("keydown", this.onKey, true);
      window.addEventListener("resize", this.onResize);
      this.fit();
      const active = this.notebook.activeCell;
      this.deal();
      this.show(Math.max(0, this.pages.findIndex((p) => p.units.some((u) => u.cell === active))), 0);
      this.observer = new MutationObserver((changes) => this.changed(changes));
      this.observer.observe(this.stage, { childList: true, subtree: true });
      document.activeElement?.blur();
    }

    close() {
      this.observer.disconnect();
      clearTimeout(this.timer);
      window.removeEventListener("keydown", this.onKey, true);
      window.removeEventListener("resize", this.onResize);
      this.bar.remove();
      this.speaker?.close();
      this.panel.removeClass("slides");
      document.querySelectorAll(".slides-above").forEach((n) => n.classList.remove("slides-above"));
      const cell = this.pages[this.page]?.units[0]?.cell;
      this.notebook.notebookConfig = this.config;
      if (cell) {
        this.notebook.activeCellIndex = this.notebook.widgets.indexOf(cell);
        this.notebook.scrollToCell(cell, "start");
      }
      window.dispatchEvent(new Event("resize"));
      current = null;
    }

    // --- what is on which slide

    // The blocks that a cell shows, in order: what is kept together on one slide.
    blocks(cell) {
      const { tags = [], jupyter = {} } = cell.model.metadata;
      if (["skip", "notes"].includes(mark(cell)) || tags.includes("check") || tags.includes("solution"))
        return [];
      const block = (nodes, kind) => ({ cell, nodes, kind });
      if (cell.model.type !== "code") {
        const text = cell.node.querySelector(".jp-MarkdownOutput");
        return text ? pieces(text).map((node) => block([node], "text")) : [];
      }
      const outputs = [...cell.node.querySelectorAll(".jp-OutputArea-child")];
      if (/^explore\(/m.test(cell.model.sharedModel.source)) return [block(outputs, "explorer")];
      const input = cell.node.querySelector(".jp-Cell-inputWrapper");
      const shown = [...(jupyter.source_hidden ? [] : [input]), ...outputs];
      const room = shown.reduce((sum, node) => sum + this.height(node) + GAP, 0);
      if (room <= ROOM) return shown.length ? [block(shown, "code")] : [];
      return shown.map((node) => block([node], "code"));
    }

    // Deal the cells' blocks out over slides.
    deal() {
      this.panel.addClass("slides-measured");
      this.stage.style.setProperty("--figure", `${FIGURE}px`);
      this.narrow();
      this.pages = [];
      let page = null, used = 0, step = 0; // prettier-ignore
      const turn = () => {
        page = { units: [], steps: 0, cells: [] };
        this.pages.push(page);
        used = step = 0;
      };
      for (const cell of this.notebook.widgets) {
        const kind = mark(cell);
        const blocks = this.blocks(cell);
        if (blocks.length && (!page || kind === "slide" || kind === "subslide")) turn();
        if (kind === "fragment" && page?.units.length) step += 1;
        for (const unit of blocks) {
          unit.height = unit.nodes.reduce((sum, node) => sum + this.height(node) + GAP, 0);
          const alone = unit.kind === "explorer" || page.units.at(-1)?.kind === "explorer";
          if (page.units.length && (alone || used + unit.height > ROOM)) {
            const leads = introduces(page.units) && page.units.at(-1).height + unit.height <= ROOM;
            const lead = leads ? [page.units.pop()] : [];
            turn();
            for (const moved of lead) page.units.push(Object.assign(moved, { step: 0 }));
            used = lead.reduce((sum, moved) => sum + moved.height, 0);
            if (alone && lead.length) turn();
          }
          used += unit.height;
          page.steps = unit.step = step;
          page.units.push(unit);
        }
        page?.cells.push(cell);
      }
      this.pages = this.pages.filter((p) => p.units.length);
      this.panel.removeClass("slides-measured");
    }

    // A formula that is wider than the slide is set smaller.
    narrow() {
      for (const formula of this.stage.querySelectorAll("mjx-container[display=true]")) {
        formula.style.fontSize = "";
        const width = formula.firstElementChild.getBoundingClientRect().width / this.zoom;
        if (width > WIDE) formula.style.fontSize = `${Math.floor((100 * WIDE) / width)}%`;
      }
    }

    height(node) {
      return node.getBoundingClientRect().height / this.zoom;
    }

    // Deal anew once the notebook's content has changed; stay at the cell that is shown.
    changed(changes) {
      const inside = ".jupyter-widgets, .cm-editor, .slides-bar";
      const outside = changes.filter(({ target }) => !(target.nodeType === 1 && target.closest(inside)));
      if (!outside.length) return;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        const { units } = this.pages[this.page] ?? { units: [] };
        const { step } = this;
        this.deal();
        const [cell, node] = [units[0]?.cell, units[0]?.nodes[0]];
        let at = this.pages.findIndex((p) => p.units.some((u) => u.nodes.includes(node)));
        if (at < 0) at = this.pages.findIndex((p) => p.units.some((u) => u.cell === cell));
        this.show(at < 0 ? this.page : at, step);
      }, 150);
    }

    // --- showing

    fit() {
      this.zoom = Math.min(innerWidth / STAGE.width, innerHeight / STAGE.height);
      this.panel.node.style.setProperty("--zoom", this.zoom);
      if (this.pages.length) this.show(this.page, this.step);
    }

    show(page, step) {
      this.page = Math.max(0, Math.min(page, this.pages.length - 1));
      const { units, steps } = this.pages[this.page];
      this.step = Math.max(0, Math.min(step, steps));
      this.stage.querySelectorAll(".slides-on, .slides-later").forEach((node) => {
        node.classList.remove("slides-on", "slides-later");
      });
      for (const unit of units)
        for (const node of unit.nodes) {
          node.classList.toggle("slides-later", unit.step > this.step);
          for (let n = node; n !== this.stage; n = n.parentElement) n.classList.add("slides-on");
        }
      // Figures get the height that the rest leaves.
      this.stage.style.setProperty("--figure", "0px");
      const figures = units.filter((u) => u.nodes.some((n) => n.querySelector("img"))).length;
      const room = (ROOM - this.content()) / Math.max(1, figures);
      this.stage.style.setProperty("--figure", `${Math.floor(Math.max(room, 60))}px`);
      this.stage.scrollTop = 0;
      this.bar.querySelector("output").value = `${this.page + 1} / ${this.pages.length}`;
      this.speak();
    }

    content() {
      const shown = [...this.stage.querySelectorAll(".jp-Cell.slides-on")];
      const boxes = shown.map((node) => node.getBoundingClientRect()).filter((box) => box.height);
      if (!boxes.length) return 0;
      return (Math.max(...boxes.map((b) => b.bottom)) - Math.min(...boxes.map((b) => b.top))) / this.zoom;
    }

    next() {
      if (this.step < this.pages[this.page].steps) this.show(this.page, this.step + 1);
      else if (this.page < this.pages.length - 1) this.show(this.page + 1, 0);
    }

    back() {
      if (this.step > 0) this.show(this.page, this.step - 1);
      else if (this.page > 0) this.show(this.page - 1, this.pages[this.page - 1].steps);
    }

    // --- the lecturer's hands

    key(event) {
      const at = document.activeElement;
      const typing = at?.closest?.(".cm-editor, input, select, textarea, .noUi-handle");
      const pressing = at?.closest?.("button, [type=checkbox], .slides-bar, summary, a");
      const actions = { PageDown: () => this.next(), PageUp: () => this.back() };
      if (typing) actions.Escape = () => at.blur();
      else {
        Object.assign(actions, {
          ArrowRight: () => this.next(), ArrowDown: () => this.next(),
          ArrowLeft: () => this.back(), ArrowUp: () => this.back(),
          Home: () => this.show(0, 0), End: () => this.show(this.pages.length - 1, 0),
          n: () => this.openNotes(), f: () => this.fullscreen(), Escape: () => this.close(),
        }); // prettier-ignore
        if (!pressing) actions[" "] = () => (event.shiftKey ? this.back() : this.next());
      }
      const action = event.ctrlKey || event.metaKey || event.altKey ? null : actions[event.key];
      if (action) {
        event.preventDefault();
        action();
      }
      // Outside an editor Lab would take a letter for a command that changes the notebook.
      if (action || !typing) event.stopImmediatePropagation();
    }

    fullscreen() {
      if (document.fullscreenElement) document.exitFullscreen();
      else document.documentElement.requestFullscreen();
    }

    run() {
      return this.app.commands.execute("notebook:run-all-cells");
    }

    makeBar() {
      const bar = document.createElement("div");
      bar.className = "slides-bar";
      const button = (text, name, action) => {
        const made = document.createElement("button");
        Object.assign(made, { textContent: text, title: name, ariaLabel: name });
        made.addEventListener("click", () => (made.blur(), action()));
        return made;
      };
      bar.append(
        button("‹", "Back (Page Up)", () => this.back()),
        document.createElement("output"),
        button("›", "Next (Page Down, space)", () => this.next()),
        button("Run all", "Run all cells", () => this.run()),
        button("Notes", "Speaker notes (N)", () => this.openNotes()),
        button("Full screen", "Full screen (F)", () => this.fullscreen()),
        button("Close", "Back to the notebook (Escape)", () => this.close()),
      );
      return bar;
    }

    // --- speaker notes, in a window of their own

    openNotes() {
      this.speaker = window.open("", "slides-notes", "width=800,height=700");
      const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]);
      const page = this.speaker.document;
      page.title = "Speaker notes";
      page.head.replaceChildren(page.createElement("style"));
      page.head.firstChild.textContent = rules.map((rule) => rule.cssText).join("\n");
      this.speaker.addEventListener("keydown", (event) => this.key(event), true);
      this.speak();
    }

    speak() {
      if (!this.speaker || this.speaker.closed) return;
      const body = this.speaker.document.body;
      body.className = "slides-notes jp-RenderedHTMLCommon";
      body.replaceChildren(...this.notes().map((node) => body.ownerDocument.importNode(node, true)));
      body.scrollTop = 0;
    }

    // What the slide leaves out: paragraphs that were cut, in full, proofs, and cells marked `notes`.
    notes() {
      const { units, cells } = this.pages[this.page];
      const cut = units.flatMap((u) => u.nodes.filter((node) => node.querySelector(".slides-rest")));
      const more = cells.flatMap((cell) => [
        ...(mark(cell) === "notes" ? cell.node.querySelectorAll(".jp-MarkdownOutput") : []),
        ...cell.node.querySelectorAll("details:not([open])"),
      ]);
      return [...cut, ...more];
    }
  }

  let current = null;

  const SENTENCE = /(?:[\w)\]’”%]{2}|^)[.?!][”)]?\s+(?=[A-Z]|$)/g;
  const mark = (cell) => cell.model.metadata.slideshow?.slide_type ?? "-";

  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  const rendered = (cell) =>
    cell.model.type !== "markdown" || cell.node.querySelector(".jp-MarkdownOutput")?.children.length;

  // Prose that leads to what comes next stays with it.
  const introduces = (units) => {
    const last = units.length > 1 && units.at(-1);
    if (!last || last.kind !== "text") return false;
    return last.nodes[0].textContent.trim().endsWith(":") || /^H\d$/.test(last.nodes[0].tagName);
  };

  // The blocks of rendered prose: list items and an opened answer's paragraphs one by one.
  function pieces(parent) {
    return [...parent.children].flatMap((node) => {
      node.classList.add("slides-block");
      if (node.tagName === "DETAILS") {
        if (node.querySelector("summary").textContent !== "Answer") return [];
        node.open = true;
      }
      if (["UL", "OL", "DETAILS"].includes(node.tagName)) return pieces(node);
      shorten(node);
      return [node];
    });
  }

  // Put a long paragraph's sentences after the first into a span, which slides hide; the last stays
  // where it ends in a colon and so leads to what comes next.
  function shorten(node) {
    const text = node.textContent.trim();
    if (text.startsWith("Predict") || node.closest("details")) return; // a question, its answer
    if (node.parentElement.querySelector("h3")?.textContent.startsWith("Exercise")) return;
    if (!["P", "LI"].includes(node.tagName) || text.split(/\s+/).length <= WORDS) return;
    if (node.querySelector(".slides-rest, mjx-container[display=true]")) return;
    const ends = [...node.childNodes].flatMap((child, i) =>
      child.nodeType === 3 ? [...child.data.matchAll(SENTENCE)].map((m) => [i, m.index + m[0].length]) : [],
    );
    if (!ends.length) return;
    const range = document.createRange();
    range.setStart(node.childNodes[ends[0][0]], ends[0][1]);
    if (text.endsWith(":")) range.setEnd(node.childNodes[ends.at(-1)[0]], ends.at(-1)[1]);
    else range.setEndAfter(node.lastChild);
    if (range.collapsed || !range.toString().trim()) return;
    const rest = document.createElement("span");
    rest.className = "slides-rest";
    rest.append(range.extractContents());
    range.insertNode(rest);
  }

  async function start(app) {
    const panel = app.shell.currentWidget;
    if (current || !panel?.content?.viewportNode) return;
    await panel.context.ready;
    current = window.courseSlides = new Slides(app, panel);
    await current.open();
  }

  function activate(app) {
    app.commands.addCommand("slides:open", {
      label: "Slides",
      caption: "Show this notebook as slides, from the selected cell on",
      execute: () => start(app),
    });
    for (const name of ["next", "back"])
      app.commands.addCommand(`slides:${name}`, { execute: () => current?.[name]() });
    if (asked === null) return;
    app.restored.then(async () => {
      while (!app.shell.currentWidget?.context?.isReady) await pause(100);
      const panel = app.shell.currentWidget;
      await start(app);
      await panel.sessionContext.ready;
      await panel.sessionContext.session.kernel.info;
      await current.run();
    });
  }

  const plugin = { id: "course-slides:plugin", autoStart: true, activate };
  const container = { init: () => {}, get: async () => () => ({ __esModule: true, default: plugin }) };
  (window._JUPYTERLAB ??= {})["course-slides"] = container;
})();
