"use strict";
(() => {
  const $ = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const byId = (id) => document.getElementById(id);
  const controls = $(".control");
  const form = byId("filter");
  const texts = new Map();

  const textOf = (control) => {
    if (!texts.has(control)) texts.set(control, control.textContent.toLowerCase());
    return texts.get(control);
  };

  // Those for whom a list has no room: their names stand once in the page, and the cut lists point at them.
  const names = $("#names li").map((item) => item.textContent);
  const placesOf = (word) => names.flatMap((name, place) => (name.toLowerCase().includes(word) ? [place] : []));
  const cuts = new Map();
  const cutOf = (list) => {
    if (!cuts.has(list)) {
      const runs = list.dataset.cut.split(" ").filter(Boolean).map((run) => run.split("-").map(Number));
      cuts.set(list, runs.map(([first, last = first]) => [first, last]));
    }
    return cuts.get(list);
  };
  const isCut = (place, list) => cutOf(list).some(([first, last]) => first <= place && place <= last);

  const matcher = (words) => {
    const found = words.map(placesOf);
    return (control) => words.every((word, index) => textOf(control).includes(word)
      || $("[data-cut]", control).some((list) => found[index].some((place) => isCut(place, list))));
  };

  const showFound = (words) => {
    for (const shown of $(".found")) shown.remove();
    if (!words.length) return;
    const places = [...new Set(words.flatMap(placesOf))];
    for (const list of $(".control:not([hidden]) [data-cut]")) {
      const here = places.filter((place) => isCut(place, list));
      if (!here.length) continue;
      const note = document.createElement("span");
      note.className = "found";
      const more = here.length > 5 ? ` and ${here.length - 5} others` : "";
      note.textContent = `, among them ${here.slice(0, 5).map((place) => names[place]).join(", ")}${more}`;
      list.append(note);
    }
  };

  const apply = () => {
    const words = byId("words").value.toLowerCase().split(/\s+/).filter(Boolean);
    const severity = byId("severity").value;
    const chapter = byId("chapter").value;
    const results = new Set($("[name=result]:checked", form).map((box) => box.value));
    const matches = matcher(words);
    let count = 0;
    for (const control of controls) {
      const { result, severity: its, chapter: place } = control.dataset;
      const fits = results.has(result) && (!severity || its === severity) && (!chapter || place === chapter)
        && matches(control);
      control.hidden = !fits;
      if (fits) count += 1;
    }
    showFound(words);
    for (const section of $(".chapter")) section.hidden = !section.querySelector(".control:not([hidden])");
    byId("shown").value = count === controls.length ? `${count} controls` : `${count} of ${controls.length} controls`;
    byId("none").hidden = count > 0;
  };

  let waiting = 0;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 80); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  const setFolds = (open) => { for (const fold of $(".control:not([hidden]) > .fold")) fold.open = open; };
  byId("unfold").addEventListener("click", () => setFolds(true));
  byId("fold").addEventListener("click", () => setFolds(false));

  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      byId("words").focus();
    } else if (event.key === "Escape" && event.target.id === "words") {
      event.target.value = "";
      apply();
    }
  });

  const goTo = () => {
    const target = byId(decodeURIComponent(location.hash.slice(1)));
    const fold = target && target.querySelector(":scope > .fold");
    if (fold) fold.open = true;
  };
  addEventListener("hashchange", goTo);

  const themes = { "": "as the system", light: "light", dark: "dark" };
  const remember = (theme) => { try { localStorage.setItem("virt-warden-theme", theme); } catch { /* private window */ } };
  const remembered = () => { try { return localStorage.getItem("virt-warden-theme") || ""; } catch { return ""; } };
  const setTheme = (theme) => {
    document.documentElement.dataset.theme = theme;
    byId("theme").querySelector("span").textContent = themes[theme];
  };
  byId("theme").addEventListener("click", () => {
    const names = Object.keys(themes);
    const next = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
    setTheme(next);
    remember(next);
  });
  setTheme(remembered() in themes ? remembered() : "");

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = $("details:not([open])").filter((fold) => fold.closest(".control.fail, .control.error, .control.unknown"));
    folded = folded.filter((fold) => !fold.matches(".more, .others, .others *"));
    for (const fold of folded) fold.open = true;
  });
  addEventListener("afterprint", () => { for (const fold of folded) fold.open = false; });

  form.hidden = false;
  byId("theme").hidden = false;
  apply();
  goTo();
})();
