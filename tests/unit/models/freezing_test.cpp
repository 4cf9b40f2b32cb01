// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/freezing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "gasm/base/error.hpp"
#include "gasm/models/i3d_resnet.hpp"
#include "gasm/models/load_report.hpp"
#include "gasm/models/vit.hpp"

namespace gasm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Vit make_vit() {
  VitOptions options;
  options.width = 8;
  options.depth = 12;
  options.heads = 1;
  options.ffn_width = 8;
  options.patch_px = 4;
  return Vit(options);
}

/// The first two parts of the names of what learns.
std::set<std::string> learning(torch::nn::Module const& module) {
  std::set<std::string> parts;
  for (auto const& item : module.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    auto const& name = item.key();
    parts.insert(name.substr(0, name.find('.', name.find('.') + 1)));
  }
  return parts;
}

TEST(FreezeAllBut, ABlockIsNotEveryBlockThatBeginsLikeIt) {
  auto vit = make_vit();
  freeze_all_but(vit, {"layer.1", "norm"}, {}, "learns");
  EXPECT_THAT(learning(vit),
              ElementsAre("layer.1", "norm.bias", "norm.weight"));
}

TEST(FreezeAllBut, PatternsAreThoseOfAShell) {
  auto vit = make_vit();
  freeze_all_but(vit, {"layer.1[01]"}, {}, "learns");
  EXPECT_THAT(learning(vit), ElementsAre("layer.10", "layer.11"));
  freeze_all_but(vit, {"*.norm1.bias"}, {}, "learns");
  EXPECT_EQ(learning(vit).size(), 12U);
}

TEST(FreezeAllBut, StagesOfI3dHaveTheirNames) {
  I3dOptions options;
  options.stem_width = 4;
  options.stages = {{1, 4, 8, 1, {3}}, {1, 4, 12, 2, {3}}};
  I3dResNet i3d(options);
  freeze_all_but(i3d, {"res3"}, i3d_part_names(), "learns");
  EXPECT_THAT(learning(i3d), ElementsAre("blocks.3"));
  freeze_all_but(i3d, {"stem", "res2"}, i3d_part_names(), "learns");
  EXPECT_THAT(learning(i3d), ElementsAre("blocks.0", "blocks.1"));
}

TEST(FreezeAllBut, NamesThePatternThatNamesNothing) {
  auto vit = make_vit();
  try {
    freeze_all_but(vit, {"layer.12"}, {}, "model.semantic.learns");
    FAIL();
  } catch (Error const& e) {
    EXPECT_THAT(e.what(), HasSubstr("model.semantic.learns has \"layer.12\""));
    EXPECT_THAT(e.what(), HasSubstr("layer.11"));
  }
}

TEST(LoadReport, SaysWhatFitsAndLoadsThat) {
  auto from = make_vit(), to = make_vit();
  TensorMap tensors;
  for (auto const& [name, tensor] : named_tensors(from))
    tensors[name] = tensor.detach().clone().fill_(2);
  auto const total = tensors.size();
  tensors.erase("norm.bias");
  tensors["extra"] = torch::ones({1});
  tensors["norm.weight"] = torch::ones({3});
  tensors["layer.0.norm1.bias"] = torch::ones({8}, at::kLong);
  tensors["layer.0.norm1.weight"] = torch::ones({8}, at::kHalf);
  auto const report = load_what_fits(to, tensors, "file");
  EXPECT_EQ(report.fitting.size(), total - 3);
  EXPECT_THAT(report.missing, ElementsAre("norm.bias"));
  EXPECT_THAT(report.unexpected, ElementsAre("extra"));
  EXPECT_THAT(report.misshapen,
              ElementsAre("layer.0.norm1.bias", "norm.weight"));
  EXPECT_THAT(report.converted, ElementsAre("layer.0.norm1.weight"));
  EXPECT_THAT(report_text(report),
              HasSubstr("; 1 missing: norm.bias; 1 unexpected: extra; 2 of "
                        "another shape or kind: layer.0.norm1.bias, "
                        "norm.weight"));
  for (auto const& [name, tensor] : named_tensors(to)) {
    bool const is_loaded = name != "norm.bias" && name != "norm.weight" &&
                           name != "layer.0.norm1.bias" &&
                           name != "layer.0.norm1.weight";
    EXPECT_EQ(at::all(tensor == 2).item<bool>(), is_loaded) << name;
  }
}

TEST(LoadReport, NothingThatFitsIsRefused) {
  auto vit = make_vit();
  EXPECT_THROW(load_what_fits(vit, {{"a", torch::ones({1})}}, "file"), Error);
}

TEST(LoadReport, StrictLoadingCountsAllDifferences) {
  auto vit = make_vit();
  TensorMap tensors;
  for (auto const& [name, tensor] : named_tensors(vit))
    tensors[name] = tensor.detach().clone();
  tensors.erase("norm.bias");
  tensors.erase("norm.weight");
  try {
    load_named_tensors(vit, tensors, "file");
    FAIL();
  } catch (Error const& e) {
    EXPECT_THAT(e.what(), HasSubstr("file: no tensor norm.weight"));
    EXPECT_THAT(e.what(), HasSubstr("2 missing: norm.weight, norm.bias"));
  }
}

}  // namespace
}  // namespace gasm
