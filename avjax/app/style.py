"""The look of the web page: fonts of the system, and colours of sufficient contrast."""

from gradio.themes import Base, colors

# Gradio's buttons that trim a clip need a program from another server.
STYLE = """
button[aria-label^="Trim video"], button[aria-label^="Reset video"] { display: none; }
button[role=tab].selected { color: var(--primary-700) !important; }
.dark button[role=tab].selected { color: var(--primary-300) !important; }
video { max-height: 320px; }
.report, .facts { margin: 0 0 1rem; line-height: 1.5; overflow-wrap: anywhere; }
.report { padding-left: 1.2rem; list-style: disc; }
.report .warning { font-weight: 600; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
.facts dt { font-weight: 600; }
.facts dd { margin: 0; }
.error { border-left: 4px solid #b3261e; padding: .6rem .8rem; font-weight: 600; }
.status { margin: .3rem 0; }
progress { width: 100%; height: .7rem; accent-color: #2d4a9e; }
.words { font-size: 1.4rem; margin: .3rem 0 .8rem; }
.timeline { max-height: 20rem; overflow-y: auto; }
.timeline ol { margin: 0; padding: 0; list-style: none; }
.timeline li { display: grid; grid-template-columns: 5rem 1fr 9.5rem; gap: .6rem;
  align-items: center; line-height: 1.7; margin: 0; }
.timeline b { overflow: hidden; text-overflow: ellipsis; }
.track { position: relative; height: .8rem; background: #8884; border-radius: .2rem; }
.track i { position: absolute; height: 100%; min-width: 2px; background: #4f46e5;
  border-radius: .2rem; }
@media (max-width: 600px) {
  .timeline li { grid-template-columns: 4rem 1fr; }
  .timeline small { grid-column: 2; }
}
.scroll { overflow-x: auto; }
.scroll table { border-collapse: collapse; width: 100%; }
.scroll th, .scroll td { text-align: left; padding: .4rem .8rem .4rem 0; }
"""


# Gradio names an upload button by other words than those in it, and labels elements
# that have no role: a screen reader would announce the wrong thing, or nothing.
SCRIPT = """<script>
new MutationObserver(() => {
  document.querySelectorAll("button[aria-dropeffect][aria-label]").forEach(
    (button) => button.removeAttribute("aria-label"));
  document.querySelectorAll("div.empty[aria-label]:not([role])").forEach(
    (place) => place.setAttribute("role", "img"));
}).observe(document, {childList: true, subtree: true});
</script>"""


def make_theme() -> Base:
    """Make the theme, which loads no fonts."""
    theme = Base(
        primary_hue=colors.indigo,
        neutral_hue=colors.slate,
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    return theme.set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
    )
