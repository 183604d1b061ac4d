// A filter over the operations and schemas; the page is whole without it.
"use strict";

const place = document.getElementById("filter");
const input = document.createElement("input");
input.type = "search";
input.placeholder = "Filter, like messages or PATCH";
input.setAttribute("aria-label", "Filter operations and schemas");
place.append(input);

const shown = [...document.querySelectorAll(".docs article, .docs nav li")];
const words = new Map(shown.map((one) => {
  const head = one.querySelector("h3") ?? one;
  const first = one.querySelector("p")?.textContent ?? "";
  return [one, `${head.textContent} ${first}`.toLowerCase()];
}));
const groups = [...document.querySelectorAll(".docs section")].filter((one) => one.querySelector("article"));

input.addEventListener("input", () => {
  const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const [one, text] of words) {
    one.hidden = !wanted.every((word) => text.includes(word));
  }
  for (const group of groups) {
    group.hidden = ![...group.querySelectorAll("article")].some((one) => !one.hidden);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target.tagName !== "INPUT") {
    event.preventDefault();
    input.focus();
  }
});
