"""The web room: one page, Gradio's API and a stateless API, all asking one service.

Gradio reads part of its settings when it is imported. So they are made here, before any module of this room imports it.
"""

from hashstagram.web.environment import settle

settle()
