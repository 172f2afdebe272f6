"""The layers of an image: the commands that made them, and the files that later layers hide. Pure functions of values.

::

    image config ──history──► HistoryStep: a command, and the layer that it made
    tar of a layer ──member──► Member ──survey──► LayerSurvey: counts, hidden files, paths
                                          ▲            │
                                        Cover ◄────────┘  the paths of all layers above

The layers are read from the top down: a file is hidden if a layer above has its path, or deletes it. So only the paths
above are in memory, and none of the lowest layer, which is usually the largest.
"""

from bundler.core.layers.cover import Cover
from bundler.core.layers.history import HistoryStep, history_of
from bundler.core.layers.image_layers import ImageLayers, Layer
from bundler.core.layers.member import Kind, Member, member_of
from bundler.core.layers.survey import Amount, HiddenFile, LayerContents, LayerSurvey, largest_of, survey

__all__ = [
    "Amount",
    "Cover",
    "HiddenFile",
    "HistoryStep",
    "ImageLayers",
    "Kind",
    "Layer",
    "LayerContents",
    "LayerSurvey",
    "Member",
    "history_of",
    "largest_of",
    "member_of",
    "survey",
]
