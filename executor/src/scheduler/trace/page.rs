//! The page that shows a trace, of its parts: one file that opens from a disk and asks no network.
//!
//! `__TRACE__` stands where the data goes. The scripts are one module, in the order in which they
//! build on each other. `scripts/browser` reads this list too, opens the page in a browser, and
//! writes the hashes into `head.html` without which the browser runs none of it.

pub(super) const PAGE: &str = concat!(
    include_str!("page/head.html"),
    include_str!("page/style.css"),
    include_str!("page/body.html"),
    include_str!("page/events.js"),
    include_str!("page/spans.js"),
    include_str!("page/words.js"),
    include_str!("page/tasks.js"),
    include_str!("page/lanes.js"),
    include_str!("page/columns.js"),
    include_str!("page/model.js"),
    include_str!("page/view.js"),
    include_str!("page/pen.js"),
    include_str!("page/paint.js"),
    include_str!("page/arrows.js"),
    include_str!("page/margins.js"),
    include_str!("page/selection.js"),
    include_str!("page/panel.js"),
    include_str!("page/summary.js"),
    include_str!("page/search.js"),
    include_str!("page/legend.js"),
    include_str!("page/input.js"),
    include_str!("page/start.js"),
    include_str!("page/end.html"),
);
