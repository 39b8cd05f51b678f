"""Find an image, SAR and other dates of a place in a catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingOutputMultipleLayers,
    QgsProcessingOutputRasterLayer,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
)

from ...backend.catalogue_jobs import CATALOGUES, FetchImages, catalogue_address
from ...backend.protocol import Done
from ..client import new_job_id
from ..fetched_layers import read_record
from ..job_builder import parse_bands
from ..network import network
from ..settings import Setting
from ..wording import tr
from . import parameters as of
from .base import BackendAlgorithm
from .values import Values


class FetchImagesAlgorithm(BackendAlgorithm):
    image_parameter = ""
    kinds = {}

    def __init__(self) -> None:
        super().__init__()
        self._load = True

    def name(self) -> str:
        return "fetchimages"

    def displayName(self) -> str:
        return tr("Fetch image, SAR and other dates")

    def tags(self) -> List[str]:
        return tr("fetch,download,catalogue,catalog,stac,sentinel,sar,radar,dates,series,satellite").split(",")

    def shortDescription(self) -> str:
        return tr("Finds Sentinel-2 and Sentinel-1 images of a place through STAC and writes them on one grid.")

    def shortHelpString(self) -> str:
        return tr(
            "<p>Asks a catalogue (a STAC API) for what <i>Remove clouds</i> needs and writes it on one grid of 10 m: "
            "the Sentinel-2 image of a day, Sentinel-1 of the nearest day, and the least cloudy other days.</p>"
            "<p><b>What is sent</b>: the area and the day go to the catalogue; it answers with addresses, from which "
            "the images are downloaded. No pixel of yours is sent.</p>"
            "<p>Give either an <b>area</b> and a <b>day</b>, or an <b>image</b> whose SAR and other dates are wanted: "
            "they come on its grid and with its bands; the day is read from it if it tells.</p>"
            "<p><b>Catalogue</b>: {names}, or the address of a STAC API. The public ones belong to others, may change, "
            "and were not tried with this version.</p>"
            "<p><b>Folder</b>: gets optical.tif, sar.tif, date_DAY.tif and fetch.json. Run again with the same folder, "
            "files that are whole are kept.</p>"
        ).format(names=", ".join(CATALOGUES))

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:
        whole = QgsProcessingParameterNumber.Type.Integer
        for parameter in (
            QgsProcessingParameterExtent("EXTENT", tr("Area"), optional=True),
            of.optional_text("DAY", tr("Day, as 2020-06-01"), ""),
            of.other_image("LIKE", tr("Image whose SAR and other dates are wanted, instead of area")),
            QgsProcessingParameterNumber("WITHIN", tr("Days before and after"), whole, 60, False, 0, 3650),
            QgsProcessingParameterNumber("DATES", tr("Other dates at most"), whole, 3, False, 0, 50),
            QgsProcessingParameterBoolean("SAR", tr("Sentinel-1"), True),
            of.optional_text("CATALOGUE", tr("Catalogue: name or address"), Setting.CATALOGUE.get()),
            of.advanced(of.optional_text("BANDS", tr("Bands, e.g. B2,B3,B4,B8; all by default"), "")),
            of.advanced(of.optional_text("COLLECTION", tr("Collection of optical images"), "")),
            of.advanced(of.optional_text("SAR_COLLECTION", tr("Collection of radar images"), "")),
            QgsProcessingParameterBoolean("LOAD", tr("Add the images to the project"), True),
            QgsProcessingParameterFolderDestination("OUTPUT", tr("Folder")),
        ):
            self.addParameter(parameter)
        self.addOutput(QgsProcessingOutputRasterLayer("OPTICAL_OUTPUT", tr("Image")))
        self.addOutput(QgsProcessingOutputRasterLayer("SAR_OUTPUT", tr("SAR")))
        self.addOutput(QgsProcessingOutputMultipleLayers("DATES_OUTPUT", tr("Other dates")))

    def inputs(self, values: Values) -> List[str]:
        return [values.image("LIKE") or ""]

    def problem(self, values: Values) -> str:
        like, area = values.image("LIKE"), values.degrees("EXTENT")
        if (like is None) == (area is None):
            return tr("Give either an area and a day, or an image.")
        if area is not None and not values.text("DAY"):
            return tr("Give the day of the image, as 2020-06-01.")
        return super().problem(values)

    def job(self, values: Values) -> FetchImages:
        catalogue = values.text("CATALOGUE") or Setting.CATALOGUE.get()
        access = network(catalogue_address(catalogue))
        dates = values.dates("LIKE")
        self._load = values.flag("LOAD")
        return FetchImages(
            id=new_job_id(),
            output="",
            bbox=values.degrees("EXTENT"),
            day=values.text("DAY"),
            like=dates[0] if dates else None,
            within_days=values.whole_number("WITHIN") or 0,
            dates=values.whole_number("DATES") or 0,
            sar=values.flag("SAR"),
            bands=parse_bands(values.text("BANDS")),
            catalogue=catalogue,
            collection=values.text("COLLECTION"),
            sar_collection=values.text("SAR_COLLECTION"),
            proxy=access.proxy,
            certificates=access.certificates,
        )

    def outputs(self, values: Values) -> Dict[str, Any]:
        return {"output": values.file_output("OUTPUT")}

    def results(self, done: Done, context: QgsProcessingContext) -> Dict[str, Any]:
        fetched = read_record(done.output)
        found: Dict[str, Any] = {"OUTPUT": str(Path(done.output).parent), "DATES_OUTPUT": fetched.dates}
        named = {"OPTICAL_OUTPUT": fetched.optical, "SAR_OUTPUT": fetched.sar}
        found.update({name: path for name, path in named.items() if path})
        if self._load:
            for path in filter(None, (*fetched.dates, fetched.sar, fetched.optical)):
                details = QgsProcessingContext.LayerDetails(Path(path).stem, context.project(), "OUTPUT")
                context.addLayerToLoadOnCompletion(path, details)
        return found
