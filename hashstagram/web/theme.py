"""How the page looks: colours and type as theme tokens, each with its dark twin. No font comes from elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import gradio as gr
from gradio.themes.utils.colors import Color

CSS = Path(__file__).parent / "static" / "page.css"
MANY_CSS = CSS.with_name("many.css")

_ACCENT = Color(
    "#eef7f5",
    "#d6ece8",
    "#add9d2",
    "#7cc0b6",
    "#4aa396",
    "#2b8779",
    "#1c6c61",
    "#17574f",
    "#144640",
    "#123a36",
    "#081f1d",
    name="sage",
)
_NEUTRAL = Color(
    "#faf9f7",
    "#f2f0ec",
    "#e4e1da",
    "#cfcac1",
    "#a29c92",
    "#78726a",
    "#5a554e",
    "#423e39",
    "#2a2825",
    "#1c1a18",
    "#131210",
    name="paper",
)

THEME = gr.themes.Base(
    primary_hue=_ACCENT,
    secondary_hue=_ACCENT,
    neutral_hue=_NEUTRAL,
    text_size=gr.themes.sizes.text_md,
    radius_size=gr.themes.sizes.radius_lg,
    font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
    font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
).set(
    body_background_fill="*neutral_50",
    body_background_fill_dark="*neutral_950",
    body_text_color="*neutral_800",
    body_text_color_dark="*neutral_100",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_400",
    background_fill_primary="white",
    background_fill_primary_dark="*neutral_900",
    block_background_fill="white",
    block_background_fill_dark="*neutral_900",
    block_border_color="*neutral_200",
    block_border_color_dark="*neutral_800",
    block_shadow="none",
    block_title_text_color="*neutral_700",
    block_title_text_color_dark="*neutral_200",
    block_title_text_weight="600",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    button_primary_background_fill_dark="*primary_400",
    button_primary_background_fill_hover_dark="*primary_300",
    button_primary_text_color="white",
    button_primary_text_color_dark="*neutral_950",
    button_primary_shadow="none",
    input_background_fill="white",
    input_background_fill_dark="*neutral_900",
    input_border_color="*neutral_200",
    input_border_color_dark="*neutral_800",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
    link_text_color="*primary_700",
    link_text_color_dark="*primary_300",
    loader_color="*primary_500",
    stat_background_fill="*primary_200",
    stat_background_fill_dark="*primary_700",
    input_border_width="1px",
    checkbox_label_background_fill="white",
    checkbox_label_background_fill_hover="*neutral_50",
    checkbox_label_background_fill_selected="*primary_50",
    checkbox_label_background_fill_dark="*neutral_900",
    checkbox_label_background_fill_hover_dark="*neutral_800",
    checkbox_label_background_fill_selected_dark="*primary_900",
    checkbox_label_border_width="1px",
    checkbox_label_border_color="*neutral_200",
    checkbox_label_border_color_hover="*neutral_300",
    checkbox_label_border_color_selected="*primary_500",
    checkbox_label_border_color_dark="*neutral_800",
    checkbox_label_border_color_hover_dark="*neutral_700",
    checkbox_label_border_color_selected_dark="*primary_500",
    checkbox_label_shadow="none",
)


def examples_css(examples: Sequence[Path]) -> str:
    """The example buttons' pictures."""
    return "\n".join(
        f'#example-{number} {{ background-image: url("site/examples/{quote(path.name)}"); }}'
        for number, path in enumerate(examples)
    )
