// SPDX-License-Identifier: Apache-2.0
#include "gasm/config/backbone_config.hpp"

#include <gmock/gmock.h>

#include <array>
#include <string>

#include "gasm/base/error.hpp"
#include "gasm/config/load.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

BackboneConfig parsed(std::string const& keys) {
  return parse_backbone_config("model: {backbone: {" + keys + "}}", "m.yaml")
      .value();
}

std::string says(std::string const& keys) {
  try {
    parsed(keys);
  } catch (Error const& why) {
    EXPECT_EQ(why.code(), ExitCode::usage);
    return why.what();
  }
  return "";
}

TEST(BackboneFile, PresetsFillInTheirSizes) {
  auto const config = parsed("kind: dinov3, preset: vits16plus");
  EXPECT_EQ(config.dim, 384);
  EXPECT_EQ(config.hidden, 1536);
  EXPECT_EQ(config.ffn, FfnKind::swiglu);
  EXPECT_EQ(config.registers, 4);
  EXPECT_EQ(config.tubelet, std::nullopt);
  EXPECT_EQ(parsed("kind: dinov2, preset: vitl14reg").registers, 4);
  EXPECT_EQ(parsed("kind: dinov2, preset: vitl14").registers, 0);
  EXPECT_EQ(parsed("kind: vjepa2, preset: vitl16").tubelet, 2);
  EXPECT_EQ(parsed("kind: i3d_r50").dim, std::nullopt);
}

TEST(BackboneFile, SizesStandForAPreset) {
  auto const config = parsed(
      "kind: videomae, dim: 32, depth: 2, heads: 4, resolution: [48, 64], "
      "num_frames: 6");
  EXPECT_EQ(config.hidden, 128);
  EXPECT_EQ(config.patch, 16);
  EXPECT_EQ(config.resolution, (Resolution{48, 64}));
  EXPECT_EQ(parsed("kind: dinov2, dim: 32, depth: 2, heads: 4").patch, 14);
}

TEST(BackboneFile, IsKnownByItsSection) {
  EXPECT_FALSE(parse_backbone_config("model: {fusion: {kind: late}}", "m"));
  EXPECT_FALSE(parse_backbone_config("fusion_dim: 3", "m"));
  std::array<std::string, 1> const overrides = {"model.backbone.depth=5"};
  EXPECT_EQ(
      parse_backbone_config("model: {backbone: {dim: 8, depth: 2, heads: 1}}",
                            "m", overrides)
          ->depth,
      5);
}

TEST(BackboneFile, RefusesWhatContradicts) {
  EXPECT_THAT(says("kind: dinov2, preset: vitb16"),
              AllOf(HasSubstr("m.yaml"), HasSubstr("preset vitb16"),
                    HasSubstr("none of dinov2"), HasSubstr("vits14")));
  EXPECT_THAT(says("kind: dinov3, preset: vitb16, dim: 384"),
              HasSubstr("model.backbone.dim is not that of preset vitb16"));
  EXPECT_THAT(says("kind: clip, dim: 32, depth: 2"),
              HasSubstr("model.backbone.heads is not set"));
  EXPECT_THAT(says("kind: clip, dim: 32, depth: 2, heads: 3"),
              HasSubstr("3 and does not divide"));
  EXPECT_THAT(says("kind: clip, preset: vitb16, tubelet: 2"),
              HasSubstr("tubelet is no key of clip"));
  EXPECT_THAT(says("kind: i3d_r50, dim: 8"), HasSubstr("no key of i3d_r50"));
  EXPECT_THAT(says("kind: dinov2, preset: vitb14, resolution: 224x224"),
              HasSubstr("resolution"));
  EXPECT_THAT(says("kind: dinov2, preset: vitb14, resolution: [196, 200]"),
              AllOf(HasSubstr("196 x 200"), HasSubstr("patch, 14"),
                    HasSubstr("Try 196")));
  EXPECT_THAT(says("kind: videomae, preset: vitb16, num_frames: 7"),
              AllOf(HasSubstr("num_frames is 7"), HasSubstr("Try 6")));
  EXPECT_THAT(says("kind: dinvo2"), HasSubstr("dinov2"));
  EXPECT_THAT(says("dimm: 3"), HasSubstr("dim"));
}

}  // namespace
}  // namespace gasm
