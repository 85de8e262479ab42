"""The look of the web page: fonts of the system, and colours of sufficient contrast."""

import gradio as gr

STYLE = """
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
.timeline, .scroll { overflow-x: auto; }
.timeline ol { position: relative; height: 5.2rem; margin: 0; padding: 0;
  list-style: none; border-top: 2px solid currentColor; }
.timeline li { position: absolute; top: .4rem; border-left: 2px solid currentColor;
  padding-left: .3rem; line-height: 1.2; }
.timeline small { display: block; }
.timeline li:nth-child(even) { top: 2.6rem; }
.scroll table { border-collapse: collapse; width: 100%; }
.scroll th, .scroll td { text-align: left; padding: .4rem .8rem .4rem 0; }
"""


def make_theme() -> gr.themes.Base:
    """Make the theme, which loads no fonts."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.indigo,
        neutral_hue=gr.themes.colors.slate,
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
