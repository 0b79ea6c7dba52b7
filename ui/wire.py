"""The thin wire between the page and the browser: citation clicks, copying, the language cookie.

Citations are ordinary links to ``#cite-<turn>-<marker>-<nth>`` in Streamlit's own sanitised Markdown;
this component turns a click on one into a trigger value. Its script is constant; data only ever
reaches it as data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

KEY = "wire"

_JS = """
export default function (component) {
  const { data, setTriggerValue } = component;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = data.cookie + "=" + data.lang + "; path=/; max-age=31536000; SameSite=Lax" + secure;
  document.documentElement.lang = data.lang === "zh" ? "zh-CN" : "en";

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      area.style.position = "fixed";
      area.style.opacity = "0";
      document.body.appendChild(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };

  const onClick = (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const mark = target?.closest('a[href*="#check-"]');
    if (mark) {  // a tap shows the reason, where there is no hover
      event.preventDefault();
      event.stopPropagation();
      mark.classList.toggle("wj-open");
      return;
    }
    const link = target?.closest('a[href*="#cite-"]');
    if (link) {
      event.preventDefault();
      event.stopPropagation();
      const [turn, marker, nth] = link.getAttribute("href").split("#cite-")[1].split("-").map(Number);
      setTriggerValue("cite", { turn, marker, nth });
      return;
    }
    const holder = target?.closest('[class*="st-key-copy-"]');
    if (holder && target.closest("button")) {
      const name = [...holder.classList].find((c) => c.startsWith("st-key-copy-"));
      const text = data.copies[name.slice("st-key-copy-".length)];
      if (text !== undefined) {
        copy(text).then(() => {
          holder.dataset.copied = data.copied;
          setTimeout(() => delete holder.dataset.copied, 1600);
        });
      }
    }
  };

  // A new question comes into view once; after that the reader scrolls alone.
  if (data.focus && window.__wenjuFocus !== data.focus) {
    window.__wenjuFocus = data.focus;
    setTimeout(() => {
      const questions = document.querySelectorAll('[class*="st-key-q-"]');
      const room = document.querySelector('[data-testid="stMain"]');
      const top = questions[questions.length - 1]?.getBoundingClientRect().top;
      if (room && top !== undefined) room.scrollBy({ top: top - 76, behavior: "smooth" });
    }, 120);
  }

  if (window.__wenjuClick) document.removeEventListener("click", window.__wenjuClick, true);
  window.__wenjuClick = onClick;
  document.addEventListener("click", onClick, true);
}
"""


def mount(
    *,
    cookie: str,
    lang: str,
    copied: str,
    copies: Mapping[str, str],
    focus: str,
    on_cite: Callable[[int, int, int], None],
) -> None:
    """Once a run, at the end of the page. A new ``focus`` scrolls to the last question.
    ``on_cite(turn_id, marker, nth)`` runs before the next rerun."""
    component = st.components.v2.component("wenju_wire", js=_JS)

    def clicked() -> None:
        state = st.session_state.get(KEY)
        value = state.get("cite") if state is not None else None
        if isinstance(value, Mapping) and isinstance(value.get("turn"), int | float):
            on_cite(int(value["turn"]), int(value.get("marker") or 0), int(value.get("nth") or 0))

    component(
        key=KEY,
        data={"cookie": cookie, "lang": lang, "copied": copied, "copies": dict(copies), "focus": focus},
        on_cite_change=clicked,
    )
