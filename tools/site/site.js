// Sliders without a kernel: the positions of an explorer's controls name a picture and its sentence.
for (const box of document.querySelectorAll(".explorer")) {
  const sentences = JSON.parse(box.querySelector("script").textContent);
  const controls = [...box.querySelectorAll("input, select")];
  const picture = box.querySelector("img");
  const text = box.querySelector(".sentence");
  const read = (c) => (c.type === "checkbox" ? +c.checked : c.type === "range" ? +c.value : c.selectedIndex);
  const write = (c, position) => {
    if (c.type === "checkbox") c.checked = position;
    else if (c.type === "range") c.value = position;
    else c.selectedIndex = position;
  };
  const start = controls.map(read);
  const address = (key) => `${box.dataset.pictures}${key}.webp`;

  const show = () => {
    for (const c of controls.filter((c) => c.type === "range")) {
      const value = JSON.parse(c.dataset.stops)[read(c)];
      c.setAttribute("aria-valuetext", value);
      c.nextElementSibling.value = value;
    }
    const key = controls.map(read).join("-");
    picture.src = address(key);
    picture.alt = text.textContent = sentences[key];
  };

  const move = (moved) => {
    for (const back of [(c) => c.type === "range", () => true]) {
      if (controls.map(read).join("-") in sentences) break;
      controls.forEach((c, i) => c !== moved && back(c) && write(c, start[i]));
    }
    show();
  };

  const reset = () => {
    controls.forEach((c, i) => write(c, start[i]));
    show();
  };

  const fetchAll = () => {
    for (const key in sentences) new Image().src = address(key);
  };

  for (const c of controls) c.addEventListener("input", () => move(c));
  box.querySelector("button").addEventListener("click", reset);
  box.querySelector(".controls").addEventListener("pointerover", fetchAll, { once: true });
  box.querySelector(".controls").addEventListener("focusin", fetchAll, { once: true });
}
