"""Two pictures side by side: an image, and the same place of a result made from it, with the same colours."""

from __future__ import annotations

from typing import Dict, List, Set

from qgis.core import (
    QgsContrastEnhancement,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsMultiBandColorRenderer,
    QgsRasterLayer,
    QgsRasterMinMaxOrigin,
    QgsRectangle,
    QgsSingleBandGrayRenderer,
)
from qgis.PyQt.QtCore import QSize, Qt
from qgis.PyQt.QtGui import QImage, QPixmap, QResizeEvent
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from ..backend.errors import OutputError
from .results import SAMPLE_PIXELS, style_image
from .wording import tr

SIDE_PX = 400
LEAST_PX = 160
LEAST_RANGE = 1e-6
COLOURS = {QgsMultiBandColorRenderer: ("redC", "greenC", "blueC"), QgsSingleBandGrayRenderer: ("c",)}
"""How the names of the methods begin that get and set the stretch of a colour."""


class Picture(QLabel):
    """A picture that fills its place and keeps its shape."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.image = QImage()
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setMinimumSize(LEAST_PX, LEAST_PX)
        self.clear()

    def clear(self) -> None:
        """Goes back to having no picture."""
        self.image = QImage()
        self.setEnabled(False)
        self.setText(tr("No preview yet"))

    def show_image(self, image: QImage) -> None:
        self.image = image
        self.setEnabled(True)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fits the picture into its new place."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if not self.image.isNull():
            ratio, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            self.setPixmap(QPixmap.fromImage(self.image).scaled(self.size(), ratio, smooth))


class BeforeAfter(QWidget):
    """Draws the place of a result from its source and from itself."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.before, self.after = Picture(self), Picture(self)
        self._layers: List[QgsRasterLayer] = []
        self._jobs: Dict[Picture, QgsMapRendererParallelJob] = {}
        self._drawing: Set[Picture] = set()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for picture, title in ((self.before, tr("Before")), (self.after, tr("After"))):
            picture.setAccessibleName(title)
            caption = QLabel(title, self)
            caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column = QVBoxLayout()
            column.addWidget(picture, 1)
            column.addWidget(caption)
            row.addLayout(column, 1)

    @property
    def is_drawing(self) -> bool:
        return bool(self._drawing)

    def show_result(self, source: QgsRasterLayer, path: str) -> None:
        """Draws both pictures in the background.

        Args:
            source: A layer; its bands are shown as they are on the map now.
            path: Of the result.

        Raises:
            OutputError: QGIS cannot open the result.
        """
        after = QgsRasterLayer(path, "", "gdal")
        if not after.isValid():
            raise OutputError(tr("QGIS cannot open the result {}.").format(path), tr("Try the preview again."))
        before = source.clone()
        style_image(after, before)
        _stretch_alike(before, after)
        self.stop()
        self._layers = [before, after]
        for picture, layer in ((self.before, before), (self.after, after)):
            self._draw(picture, layer, after.extent())

    def clear(self) -> None:
        """Goes back to having no pictures."""
        self.stop()
        self.before.clear()
        self.after.clear()

    def stop(self) -> None:
        """Ends the drawing."""
        self._drawing.clear()
        for job in self._jobs.values():
            job.cancel()
            job.deleteLater()
        self._jobs.clear()

    def _draw(self, picture: Picture, layer: QgsRasterLayer, extent: QgsRectangle) -> None:
        settings = QgsMapSettings()
        settings.setLayers([layer])
        settings.setDestinationCrs(layer.crs())
        settings.setExtent(extent)
        settings.setOutputSize(_size(extent))
        settings.setBackgroundColor(self.palette().window().color())
        job = QgsMapRendererParallelJob(settings)
        job.setParent(self)  # else Python may take it away when QGIS has ended
        self._jobs[picture] = job
        self._drawing.add(picture)
        job.finished.connect(self._show_drawn)
        job.start()

    def _show_drawn(self) -> None:
        for picture in [picture for picture in self._drawing if not self._jobs[picture].isActive()]:
            self._drawing.remove(picture)
            picture.show_image(self._jobs[picture].renderedImage())


def _stretch_alike(before: QgsRasterLayer, after: QgsRasterLayer) -> None:
    """Gives two layers the same stretch, in each colour that of the darker one: clouds would hide the ground."""
    kind = type(before.renderer())
    if kind not in COLOURS or kind is not type(after.renderer()):
        return
    before.setContrastEnhancement(
        QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum,
        QgsRasterMinMaxOrigin.Limits.CumulativeCut,
        after.extent(),
        SAMPLE_PIXELS,
    )
    for colour in COLOURS[kind]:
        stretches = [getattr(layer.renderer(), f"{colour}ontrastEnhancement")() for layer in (before, after)]
        if all(stretches):
            low = min(stretch.minimumValue() for stretch in stretches)
            high = min(stretch.maximumValue() for stretch in stretches)
            for layer, stretch in zip((before, after), stretches):
                alike = QgsContrastEnhancement(stretch)
                alike.setMinimumValue(low)
                alike.setMaximumValue(max(high, low + LEAST_RANGE))
                getattr(layer.renderer(), f"set{colour[0].upper()}{colour[1:]}ontrastEnhancement")(alike)


def _size(extent: QgsRectangle) -> QSize:
    """Gives a size in pixels with the shape of an extent."""
    largest = max(extent.width(), extent.height())
    return QSize(max(round(SIDE_PX * extent.width() / largest), 1), max(round(SIDE_PX * extent.height() / largest), 1))
