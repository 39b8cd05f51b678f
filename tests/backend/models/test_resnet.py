"""ResNets have the published sizes, take any bands and image sizes, and learn with every weight."""

import dataclasses

import pytest
import torch

from unclouded.backend.models.resnet import PRESETS, Params, ResNet

TINY = Params(in_channels=4, classes=3, blocks=(1, 1, 1, 1), widths=(8, 8, 16, 16), stem="small")
NETWORKS = {
    "small": TINY,
    "basic": dataclasses.replace(TINY, stem="large"),
    "bottleneck": dataclasses.replace(TINY, block="bottleneck", blocks=(2, 1, 1, 1)),
}


@pytest.mark.parametrize(("name", "published"), [("resnet18", 11_689_512), ("resnet50", 25_557_032)])
def test_as_many_weights_as_published(name: str, published: int) -> None:
    with torch.device("meta"):
        network = ResNet(PRESETS[name])

    assert sum(weight.numel() for weight in network.parameters()) == published


@pytest.mark.parametrize("params", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("size", [(64, 64), (120, 120), (65, 97)])
def test_images_of_any_size_become_scores(params: Params, size: tuple[int, int]) -> None:
    network = ResNet(params).eval()

    assert network(torch.rand(2, 4, *size)).shape == (2, 3)


@pytest.mark.parametrize("params", NETWORKS.values(), ids=NETWORKS)
def test_scores_are_the_head_on_the_mean_of_the_last_stage(params: Params) -> None:
    network = ResNet(params).eval()
    x = torch.rand(2, 4, 64, 64)

    stages, features = network.stages(x), network.features(x)

    assert [stage.shape[-1] * 2 for stage in stages[1:]] == [stage.shape[-1] for stage in stages[:-1]]
    assert features.shape == (2, network.feature_count)
    torch.testing.assert_close(features, stages[-1].flatten(2).mean(dim=2))
    torch.testing.assert_close(network(x), features @ network.fc.weight.T + network.fc.bias)


@pytest.mark.parametrize("params", NETWORKS.values(), ids=NETWORKS)
def test_gradients_reach_every_weight(params: Params) -> None:
    network = ResNet(params)

    network(torch.rand(4, 4, 64, 64)).square().sum().backward()

    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())


def test_a_block_is_the_published_formula() -> None:
    block = ResNet(TINY).eval().layer1[0]
    x = torch.rand(1, 8, 5, 5)

    def normalised(values: torch.Tensor, norm: torch.nn.BatchNorm2d) -> torch.Tensor:
        centred = (values - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + norm.eps).sqrt()
        return centred * norm.weight[:, None, None] + norm.bias[:, None, None]

    inner = normalised(torch.conv2d(x, block.conv1.weight, padding=1), block.bn1).clamp(min=0)
    expected = (normalised(torch.conv2d(inner, block.conv2.weight, padding=1), block.bn2) + x).clamp(min=0)

    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("wrong", [{"block": "dense"}, {"stem": "none"}, {"blocks": (1, 1)}, {"classes": 0}])
def test_parameters_that_make_no_network_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"its block is|it needs 4 stages"):
        dataclasses.replace(TINY, **wrong)
