"""Folding changes no answer, and only what should learn does."""

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet

import network


def original(image_size: int) -> EfficientNet:
    body = EfficientNet.from_name(network.ARCHITECTURE, image_size=image_size)
    body.load_state_dict(torch.load(network.pretrained_path(), weights_only=True))
    return body.eval()


# 33 and 47 need other paddings than sizes that can be halved.
@pytest.mark.parametrize("image_size", [32, 33, 47])
def test_the_folded_network_computes_the_features_of_the_original(image_size):
    pictures = torch.rand(2, 3, image_size, image_size) * 255
    classifier = network.build(2, image_size, frozen_blocks=3, dropout=0).eval()
    with torch.no_grad():
        expected = original(image_size).extract_features((pictures - 127) / 128)
        features = classifier.body.extract_features((pictures - 127) / 128)
    torch.testing.assert_close(features, expected, rtol=1e-3, atol=1e-3)


def test_there_is_no_batch_normalisation_left_to_drift():
    classifier = network.build(2, 32, frozen_blocks=0, dropout=0)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in classifier.modules())


def test_a_new_network_has_no_opinion():
    logits = network.build(5, 32, frozen_blocks=3, dropout=0).eval()(torch.rand(1, 3, 32, 32))
    assert logits.tolist() == [[0, 0, 0, 0, 0]]


def test_the_stem_the_first_blocks_and_all_depthwise_filters_do_not_learn():
    body = network.build(2, 32, frozen_blocks=2, dropout=0).body
    learning = {name for name, weight in body.named_parameters() if weight.requires_grad}
    assert not any(name.startswith(("_conv_stem", "_blocks.0.", "_blocks.1.")) for name in learning)
    assert not any("_depthwise_conv" in name for name in learning)
    assert {"_blocks.2._project_conv.weight", "_conv_head.bias", "_fc.weight"} <= learning
