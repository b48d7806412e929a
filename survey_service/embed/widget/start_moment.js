// The moment at which a survey starts: no session begins for what nobody can see.

// Calls `start` once the page is visible, the element is in it, and what its attributes ask for has happened.
export const whenSeen = (survey, start) => {
  const element = survey._element;
  const wait = (survey._wait = new AbortController());
  const { signal } = wait;
  let ready;
  const check = (now) => {
    ready = now ?? ready;
    if (!ready || document.hidden || signal.aborted) return;
    wait.abort();
    start(survey);
  };
  const on = (target, type, act) => target.addEventListener(type, act, { signal });
  on(document, "visibilitychange", () => check());
  if (survey._box.popover) {
    const depth = element.getAttribute("scroll");
    const leaving = element.hasAttribute("exit");
    const reached = () => {
      if (((scrollY + innerHeight) / document.documentElement.scrollHeight) * 100 >= depth) check(true);
    };
    setTimeout(() => {
      if (depth) on(window, "scroll", reached);
      if (leaving) on(document.documentElement, "mouseleave", ({ clientY }) => clientY <= 0 && check(true));
      if (depth || !leaving) reached();
    }, element.getAttribute("delay") * 1e3);
  } else {
    // What is less than a screen away has its question ready when somebody gets there.
    const watcher = new IntersectionObserver(
      (entries) => check(entries.at(-1).isIntersecting),
      { rootMargin: element.hasAttribute("lazy") ? "0px" : "100%" },
    );
    watcher.observe(element);
    on(signal, "abort", () => watcher.disconnect());
  }
};
