"use strict";
(() => {
  const form = document.getElementById("filter");
  const page = [...document.querySelectorAll("details")];
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = page.filter((item) => !item.open);
    for (const item of opened) item.open = true;
  });
  addEventListener("afterprint", () => {
    for (const item of opened) item.open = false;
  });
  if (!form) return;
  const articles = [...document.querySelectorAll("article.finding")].map((article) => ({
    article,
    text: article.textContent.toLowerCase(),
    counts: !article.closest("details.suppressed"),
  }));
  const all = articles.filter((item) => item.counts).length;
  const update = () => {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const severities = new Set([...form.querySelectorAll("[name=severity]:checked")].map((box) => box.value));
    let shown = 0;
    for (const { article, text, counts } of articles) {
      const wanted = severities.has(article.dataset.severity) && words.every((word) => text.includes(word));
      article.hidden = !wanted;
      shown += wanted && counts;
    }
    form.querySelector("output").textContent = `${shown} of ${all} shown`;
  };
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("keydown", (event) => {
    const typing = event.target.closest && event.target.closest("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      form.elements.words.focus();
    }
  });
  form.hidden = false;
  update();
})();
