"""From the files of a finished job to styled layers above their source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, count
from typing import Dict, List, Optional

from qgis.core import (
    QgsColorRampShader,
    QgsContrastEnhancement,
    QgsGradientColorRamp,
    QgsGradientStop,
    QgsLayerTreeGroup,
    QgsLayerTreeLayer,
    QgsLayerTreeNode,
    QgsMapLayer,
    QgsMultiBandColorRenderer,
    QgsPalettedRasterRenderer,
    QgsProject,
    QgsRasterLayer,
    QgsRasterMinMaxOrigin,
    QgsRectangle,
    QgsSingleBandGrayRenderer,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtGui import QColor

from ..backend.errors import OutputError
from ..backend.protocol import Done
from .wording import tr

RESULT = "unclouded/result"
"""Custom property of the layers that a job made: `image`, `mask`, `uncertainty` or `error`."""
SOURCE = "unclouded/source"
"""Custom property of the layers that a job made: the id of the layer that they were made from."""
PREVIEW = "unclouded/preview"
"""Custom property of a preview's group or layer: the id of its source."""
SAMPLE_PIXELS = 250_000
BAND_NAME = re.compile(r"\bB0?(\d{1,2}A?)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """What is remembered of the source layer while the job runs; the layer itself may be gone by then."""

    layer_id: str
    name: str
    preview: bool = False
    method: str = ""
    """How its clouds are removed, in one word."""


def add_result(project: QgsProject, done: Done, source: Source) -> QgsRasterLayer:
    """Adds the layers of a finished job above their source and its earlier results, in a group if they are several.

    Args:
        project: Where to.
        done: Tells the files.
        source: The layer that was treated; if it is gone, the result comes on top.

    Returns:
        The layer of the image.

    Raises:
        OutputError: QGIS cannot open the result.
    """
    original = project.mapLayer(source.layer_id)
    name = tr("Preview: {}").format(source.name) if source.preview else _free_name(project, source)
    image = _open(done.output, name, "image", source)
    style_image(image, original if isinstance(original, QgsRasterLayer) else None)
    extras = _extras(done, source)
    if source.preview:
        remove_previews(project, source.layer_id)
    node = _group(project, name, extras, image) if extras else _node(project, image)
    if source.preview:
        (node if extras else image).setCustomProperty(PREVIEW, source.layer_id)
    parent, index = _place(project, source.layer_id)
    parent.insertChildNode(index, node)
    node.setExpanded(bool(extras))
    return image


def is_result_of(layer: QgsMapLayer, source_id: str) -> bool:
    """Tells whether a layer is an image that was made from another one."""
    return layer.customProperty(RESULT) == "image" and layer.customProperty(SOURCE) == source_id


def remove_previews(project: QgsProject, layer_id: str) -> None:
    """Removes the layers of earlier previews of a source."""
    root = project.layerTreeRoot()
    for group in root.findGroups(True):
        if group.customProperty(PREVIEW) == layer_id:
            project.removeMapLayers(group.findLayerIds())
            group.parent().removeChildNode(group)
    stale = [key for key, layer in project.mapLayers().items() if layer.customProperty(PREVIEW) == layer_id]
    project.removeMapLayers(stale)


def style_image(image: QgsRasterLayer, original: Optional[QgsRasterLayer]) -> None:
    """Shows the bands that the source shows, with a stretch of the result's own values."""
    if original is not None:
        _take_bands(image, original)
    if isinstance(image.renderer(), (QgsMultiBandColorRenderer, QgsSingleBandGrayRenderer)):
        image.setContrastEnhancement(
            QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum,
            QgsRasterMinMaxOrigin.Limits.CumulativeCut,
            QgsRectangle(),
            SAMPLE_PIXELS,
        )


def style_mask(layer: QgsRasterLayer) -> None:
    """Shows cloud and shadow in two colours over the image, and nothing where it is clear."""
    classes = [
        QgsPalettedRasterRenderer.Class(0, QColor(0, 0, 0, 0), tr("clear (as measured)")),
        QgsPalettedRasterRenderer.Class(1, QColor(230, 97, 1), tr("cloud")),
        QgsPalettedRasterRenderer.Class(2, QColor(94, 60, 153), tr("shadow")),
    ]
    layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, classes))
    layer.setOpacity(0.6)


def style_uncertainty(layer: QgsRasterLayer) -> None:
    """Shows the standard error of the first band from transparent (as measured) over yellow to dark red."""
    highest = layer.dataProvider().bandStatistics(1, extent=QgsRectangle(), sampleSize=SAMPLE_PIXELS)
    ramp = QgsGradientColorRamp(
        QColor(255, 255, 178, 0),
        QColor(128, 0, 38),
        False,
        [QgsGradientStop(0.02, QColor(255, 237, 160)), QgsGradientStop(0.5, QColor(253, 141, 60))],
    )
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), 1)
    renderer.setClassificationMin(0.0)
    renderer.setClassificationMax(max(highest.maximumValue, 1e-3))
    renderer.createShader(ramp, QgsColorRampShader.Type.Interpolated)
    layer.setRenderer(renderer)
    layer.setOpacity(0.8)


def style_error(layer: QgsRasterLayer) -> None:
    """Gives the layer a style for each band, by its name: blue where the result is too dark, red where too bright.

    B4 is shown at first, since the first band of Sentinel-2 has pixels of 60 m.
    """
    styles = layer.styleManager()
    unnamed = styles.currentStyle()
    names = [_band_name(layer, band) or layer.bandName(band) for band in range(1, layer.bandCount() + 1)]
    for band, name in enumerate(names, 1):
        layer.setRenderer(_error_renderer(layer, band))
        styles.addStyleFromLayer(name)
    styles.setCurrentStyle("B4" if "B4" in names else names[0])
    styles.removeStyle(unnamed)


def _error_renderer(layer: QgsRasterLayer, band: int) -> QgsSingleBandPseudoColorRenderer:
    low, high = layer.dataProvider().cumulativeCut(band, 0.02, 0.98, QgsRectangle(), SAMPLE_PIXELS)
    most = max(abs(low), abs(high), 1e-3)
    ramp = QgsGradientColorRamp(
        QColor(5, 48, 97), QColor(103, 0, 31), False, [QgsGradientStop(0.5, QColor(247, 247, 247))]
    )
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), band)
    renderer.setClassificationMin(-most)
    renderer.setClassificationMax(most)
    renderer.createShader(ramp, QgsColorRampShader.Type.Interpolated)
    return renderer


def _extras(done: Done, source: Source) -> List[QgsRasterLayer]:
    extras = []
    if done.mask_output:
        extras.append(_open(done.mask_output, tr("Clouds and shadows"), "mask", source))
        style_mask(extras[-1])
    if done.uncertainty_output:
        extras.append(_open(done.uncertainty_output, tr("Uncertainty"), "uncertainty", source))
        style_uncertainty(extras[-1])
    return extras


def _group(project: QgsProject, name: str, extras: List[QgsRasterLayer], image: QgsRasterLayer) -> QgsLayerTreeGroup:
    """Makes a group with the further layers switched off above the image; QGIS can open it once it is there."""
    group = QgsLayerTreeGroup(name)
    group.setExpanded(False)
    for layer in (*extras, image):
        node = _node(project, layer)
        node.setItemVisibilityChecked(layer is image)
        group.addChildNode(node)
    return group


def _free_name(project: QgsProject, source: Source) -> str:
    """Names a result after its source, and a further one after its method too, so that they can be told apart."""
    name = tr("{} without clouds").format(source.name)
    taken = {layer.name() for layer in project.mapLayers().values()}
    further = (f"{name} ({source.method}{number})" for number in chain([""], (f" {n}" for n in count(2))))
    return next(candidate for candidate in chain([name], further) if candidate not in taken)


def _node(project: QgsProject, layer: QgsRasterLayer) -> QgsLayerTreeLayer:
    project.addMapLayer(layer, False)
    node = QgsLayerTreeLayer(layer)
    node.setExpanded(False)
    return node


def _open(path: str, name: str, kind: str, source: Source) -> QgsRasterLayer:
    layer = QgsRasterLayer(path, name, "gdal")
    if not layer.isValid():
        raise OutputError(
            tr("QGIS cannot open the result {}.").format(path), tr("See whether the file is still there.")
        )
    layer.setCustomProperty(RESULT, kind)
    layer.setCustomProperty(SOURCE, source.layer_id)
    return layer


def _place(project: QgsProject, layer_id: str) -> tuple[QgsLayerTreeGroup, int]:
    """Finds the group and position above a layer and its earlier results, which would hide it, or the top."""
    node = project.layerTreeRoot().findLayer(layer_id)
    if node is None:
        return project.layerTreeRoot(), 0
    nodes = node.parent().children()
    index = nodes.index(node)
    while index > 0 and _holds_result(nodes[index - 1], layer_id):
        index -= 1
    return node.parent(), index


def _holds_result(node: QgsLayerTreeNode, layer_id: str) -> bool:
    layers = [node.layer()] if isinstance(node, QgsLayerTreeLayer) else [leaf.layer() for leaf in node.findLayers()]
    return any(is_result_of(layer, layer_id) for layer in layers if layer is not None)


def _take_bands(image: QgsRasterLayer, original: QgsRasterLayer) -> None:
    shown = original.renderer()
    if image.bandCount() == original.bandCount():
        image.setRenderer(shown.clone())
        return
    if not isinstance(shown, QgsMultiBandColorRenderer):
        return
    numbers = _numbers_by_name(image)
    names = [_band_name(original, band) for band in (shown.redBand(), shown.greenBand(), shown.blueBand())]
    if all(name in numbers for name in names):
        image.setRenderer(QgsMultiBandColorRenderer(image.dataProvider(), *(numbers[name] for name in names)))


def _numbers_by_name(layer: QgsRasterLayer) -> Dict[str, int]:
    return {_band_name(layer, band): band for band in range(1, layer.bandCount() + 1)}


def _band_name(layer: QgsRasterLayer, band: int) -> str:
    match = BAND_NAME.search(layer.bandName(band))
    return f"B{match[1].upper()}" if match else ""
