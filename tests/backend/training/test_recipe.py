"""Recipes: all that come with the program can be used, and what makes no sense is said in words."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
import yaml

from unclouded.backend.datasets.registry import DATASETS
from unclouded.backend.errors import UsageError
from unclouded.backend.models.zoo import NETWORKS
from unclouded.backend.training.recipe import make_recipe, read_recipe, recipe_facts, recipes
from unclouded.backend.training.run import make_system
from unclouded.backend.training.schemes import CLASSIFIERS, SCHEMES

GENERATORS = [name for name in recipes() if read_recipe(name).scheme not in CLASSIFIERS]


@pytest.mark.parametrize("name", recipes())
class TestEach:
    def test_has_a_name_of_its_own_and_data_that_exist(self, name: str) -> None:
        recipe = read_recipe(name)

        assert recipe.name == name
        assert recipe.citation
        assert recipe.data.name in DATASETS
        assert recipe.data.clear in (*DATASETS, "")

    def test_survives_its_checkpoint_and_its_file(self, name: str) -> None:
        recipe = read_recipe(name)
        facts = recipe_facts(recipe)

        assert make_recipe(yaml.safe_load(yaml.safe_dump(facts)), "again") == recipe


@pytest.mark.parametrize("name", GENERATORS)
def test_networks_of_each_take_what_the_encoding_makes(name: str) -> None:
    perceptual = hasattr(read_recipe(name).settings, "perceptual_weight")  # of a classifier that is read from a file
    recipe = read_recipe(name, ["settings.perceptual_weight=0"] if perceptual else [])
    with torch.device("meta"):
        system = make_system(recipe)

    bands = len(recipe.bands)
    assert system.generator.in_channels == recipe.encoding.in_channels(bands)
    assert recipe.data.window_px % system.generator.stride_px == 0


def test_titles_differ() -> None:
    assert len(set(recipes().values())) == len(recipes())


def test_every_scheme_and_network_has_a_recipe_of_the_paper_and_a_small_one() -> None:
    every = [read_recipe(name) for name in recipes()]
    small = [recipe for recipe in every if recipe.name.endswith("_small") or recipe.data.name == "shared"]
    large = [recipe for recipe in every if recipe not in small or recipe.name == "fusion"]

    assert {recipe.scheme for recipe in every} == {*SCHEMES, *CLASSIFIERS}
    for group in (small, large):
        assert {recipe.scheme for recipe in group} >= set(SCHEMES)
        assert {recipe.generator.architecture for recipe in group} >= set(NETWORKS)


class TestReading:
    def test_changes_are_made_where_they_say(self) -> None:
        recipe = read_recipe("unet_small", ["fit.epochs=3", "data.choices.cover=[0.1, 0.2]", "fit.precision=32"])

        assert (recipe.fit.epochs, recipe.data.choices.cover, recipe.fit.precision) == (3, (0.1, 0.2), 32)
        assert recipe.fit.batch == read_recipe("unet_small").fit.batch

    def test_own_file_says_what_differs_from_its_bases(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.yaml"
        path.write_text("base: [unet, small]\nname: mine\ntitle: Mine\nfit: {epochs: 7}\n")
        recipe, base = read_recipe(str(path)), read_recipe("unet_small")

        assert (recipe.name, recipe.fit.epochs) == ("mine", 7)
        assert (recipe.generator, recipe.data) == (base.generator, base.data)

    def test_single_base_needs_no_list(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.yaml"
        path.write_text("base: unet_small\nname: mine\n")

        assert read_recipe(str(path)) == dataclasses.replace(read_recipe("unet_small"), name="mine")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("fit.epochs=x", r'"fit\.epochs": Expected int\. Got value: x'),
        ("fit.epochs=2.5", "Expected int"),
        ("fit.epochs=0", r"fit\.epochs is 0, and at least 1 was expected"),
        ("fit.epoch=3", "Group 'fit' does not accept option 'epoch'"),
        ("fit=3", r"fit\.epochs"),
        ("nothing=1", "Option 'nothing' is not accepted"),
        ("title=null", "required: title"),
        ("fit.precision=8", r"Expected one of \['bf16', 16, 32\]"),
        ("fit.average=1", r"fit\.average is 1\.0"),
        ("fit.clip=-1", r"fit\.clip is -1\.0"),
        ("fit.batch=3", r"fit\.batch is 3, no multiple of data\.windows, which is 4"),
        ("fit.devices=0", r"fit\.devices is 0"),
        ("settings.loss=l3", r"Expected one of \['l1', 'carl', 'laplace', 'gaussian'\]"),
        ("settings.lossy=1", "Group 'settings' does not accept option 'lossy'"),
        ("settings.learning_rate=high", "Expected float"),
        ("bands=[B2, B99]", "its bands are B2, B99; some of B1, B2"),
        ("bands=[B2, B2]", "each once"),
        ("bands=[]", "its bands are none"),
        ("levels=[L3]", "Got value: L3"),
        ("encoding.layout=foo", r"Expected one of \['fusion', 'frames'\]"),
        ("encoding.frames=0", r"encoding\.frames is 0"),
        ("encoding.optical_range=[0]", "Expected a tuple with 2 elements"),
        ("encoding.optical_range=[1, 0]", "does not begin below its end"),
        ("data.choices.clouds=none", "'real'"),
        ("scheme=foo", "no training scheme 'foo'; known are supervised, cgan"),
        ("fit.epochs", r"no change of a recipe\. Write key=value"),
        ("=3", "no change of a recipe"),
        ("fit.epochs=[", "no YAML"),
        ("fit.epochs.x=1", "'epochs' has no keys"),
    ],
)
def test_bad_changes_are_named(change: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_recipe("unet_small", [change])


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("unet_small", "generator.architecture=foo", "no network 'foo'"),
        ("unet_small", "generator.preset=foo", "no preset 'foo'"),
        ("unet_small", "generator.parameters.foo=1", "cannot be made.*foo"),
        ("unet_small", "bands=[B2, B3, B4]", "takes 10 channels and gives 10; 3 bands in this encoding are 3 and 3"),
        ("unet_small", "settings.loss=gaussian", r"needs a generator that gives it; encoding\.output is 'image'"),
        ("unet_small", "data.window_px=40", r"a multiple of 32 px; data\.window_px is 40"),
        (
            "dsen2cr_small",
            "encoding.sar_range=null",
            "takes 15 channels and gives 13; 13 bands in this encoding are 13",
        ),
        ("uncrtaints_small", "encoding.output=image", "13 bands in this encoding are 48 and 13"),
    ],
)
def test_networks_that_do_not_fit_are_refused(name: str, change: str, words: str) -> None:
    recipe = read_recipe(name, [change])
    with pytest.raises(UsageError, match=words), torch.device("meta"):
        make_system(recipe)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"title: [", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"- a\n- b\n", "holds no keys and values"),
        (b"base: [unet, tiny]\n", "no recipe 'tiny', which a recipe names as its base"),
        (b"name: mine\n", "no training scheme ''"),
    ],
)
def test_bad_files_are_named(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=words):
        read_recipe(str(path))


@pytest.mark.parametrize("name", ["unknown", "unknown.yaml", "", "parts/small", "."])
def test_missing_recipe_lists_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match=r"There is no recipe .*dsen2cr.*\.yaml file"):
        read_recipe(name)
