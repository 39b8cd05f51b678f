"""Name and style of the layers that an algorithm adds to the project."""

from __future__ import annotations

from typing import List, Optional

from qgis.core import (
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterLayer,
)

from ..results import RESULT, SOURCE, style_error, style_image, style_mask, style_uncertainty


class ResultStyle(QgsProcessingLayerPostProcessorInterface):
    """Styles one result in the main thread, after Processing has loaded it.

    Args:
        kind: `image`, `mask`, `uncertainty` or `error`.
        source_id: The layer whose bands an image shows too, if there is one.
    """

    alive: List[ResultStyle] = []
    """Processing holds no reference to a post-processor."""

    def __init__(self, kind: str, source_id: str) -> None:
        super().__init__()
        self._kind = kind
        self._source_id = source_id
        self.alive.append(self)

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        self.alive.remove(self)
        layer.setCustomProperty(RESULT, self._kind)
        layer.setCustomProperty(SOURCE, self._source_id)
        if self._kind == "image":
            style_image(layer, self._source(context))
        elif self._kind == "mask":
            style_mask(layer)
        elif self._kind == "error":
            style_error(layer)
        else:
            style_uncertainty(layer)
        layer.triggerRepaint()

    def _source(self, context: QgsProcessingContext) -> Optional[QgsRasterLayer]:
        project = context.project()
        layer = project.mapLayer(self._source_id) if project is not None else None
        return layer if isinstance(layer, QgsRasterLayer) else None
