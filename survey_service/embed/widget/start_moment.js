// The moment at which a survey starts: no session begins for what nobody can see.

// Calls `start` once the page is visible, the element is in it, and what its attributes ask for has happened.
export const whenSeen = (survey, start) => {
  const element = survey._element;
  // Its signal, as the option of every listener, removes all of them.
  const wait = (survey._wait = new AbortController());
  const on = (target, type, act) => target.addEventListener(type, act, wait);
  let ready;
  const check = (now) => {
    if (!(ready = now ?? ready) || document.hidden || wait.signal.aborted) return;
    wait.abort();
    start(survey);
  };
  on(document, "visibilitychange", () => check());
  if (survey._box.popover) {
    const depth = element.getAttribute("scroll");
    const leaving = element.hasAttribute("exit");
    const reached = () => check((scrollY + innerHeight) / document.documentElement.scrollHeight >= depth / 100);
    setTimeout(() => {
      if (depth) on(window, "scroll", reached);
      if (leaving) on(document.documentElement, "mouseleave", ({ clientY }) => check(clientY <= 0));
      if (depth || !leaving) reached();
    }, element.getAttribute("delay") * 1e3);
  } else {
    // What is less than a screen away has its question ready when somebody gets there.
    const margin = element.hasAttribute("lazy") ? "0px" : "100%";
    new IntersectionObserver((entries) => check(entries.at(-1).isIntersecting), { rootMargin: margin }).observe(element);
  }
};
