// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/config/load.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// What parse_config says against a text; "" if nothing.
std::string complaint(std::string const& text,
                      std::vector<std::string> const& overrides = {}) {
  try {
    parse_config(text, "f.yaml", overrides);
  } catch (Error const& e) {
    EXPECT_EQ(e.code(), ExitCode::usage);
    return e.what();
  }
  return "";
}

struct BadInput {
  std::string text;
  std::string starts_with;
  std::string says;

  friend void PrintTo(BadInput const& bad, std::ostream* out) {
    *out << bad.text.substr(0, 200);
  }
};

class BadInputTest : public testing::TestWithParam<BadInput> {};

TEST_P(BadInputTest, NamesPlaceAndKey) {
  auto const& bad = GetParam();
  auto const got = complaint(bad.text);
  EXPECT_THAT(got, StartsWith(bad.starts_with));
  EXPECT_THAT(got, HasSubstr(bad.says));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, BadInputTest,
    testing::Values(
        BadInput{"modle:\n  fusion: {}\n",
                 "f.yaml:1:1: ", "no key modle. Did you mean model?"},
        BadInput{"model:\n  fusion:\n    kind: bcast\n    heds: 4\n",
                 "f.yaml:4:5: ",
                 "no key model.fusion.heds. Did you mean model.fusion.heads?"},
        BadInput{"model: {fusion: {layers: 3, dimm: 8}}\n",
                 "f.yaml:1:29: ", "Did you mean model.fusion.dim?"},
        BadInput{"train: {lr: 0.1}\n",
                 "f.yaml:1:9: ", "no key train.lr. Did you mean optim.lr?"},
        BadInput{"log: {zzzzzzzz: 0.1}\n",
                 "f.yaml:1:7: ", "Try one of: every_steps, tensorboard, "},
        BadInput{"run:\n  seed: 1\n  name: a\n  seed: 2\n",
                 "f.yaml:4:3: ", "run.seed stands twice"},
        BadInput{"run: {seed: 1}\nlog: {every_steps: 1}\nrun: {seed: 2}\n",
                 "f.yaml:3:1: ", "run stands twice"},
        BadInput{"base: &b {seed: 1}\n", "f.yaml:1:1: ", "no key base"},
        BadInput{"run: {<<: {seed: 1}}\n", "f.yaml:1:7: ", "no key run.<<"},
        BadInput{"run: {[a]: 1}\n", "f.yaml:1:7: ", "run has a key that is"},
        BadInput{"run: seed\n", "f.yaml:1:6: ",
                 "run must be a section of keys (it is \"seed\")"},
        BadInput{"model:\n  semantic:\nlog: {}\n",
                 "f.yaml:2:3: ", "model.semantic must be a section"},
        BadInput{"- run\n", "f.yaml:1:1: ", "the file must be a section"}));

INSTANTIATE_TEST_SUITE_P(
    Documents, BadInputTest,
    testing::Values(BadInput{"", "f.yaml: ", "holds no keys"},
                    BadInput{"# only a comment\n", "f.yaml: ", "holds no keys"},
                    BadInput{"run: {seed: 1}\n---\nrun: {seed: 2}\n",
                             "f.yaml: ", "holds 2 documents"},
                    BadInput{"run:\n  seed: [1\nlog: 2\n",
                             "f.yaml:", "not YAML"},
                    BadInput{"run:\n\tseed: 1\n",
                             "f.yaml:2:6: ", "Try spaces instead of the tab"},
                    BadInput{std::string(100000, '['), "f.yaml:", "not YAML"}));

INSTANTIATE_TEST_SUITE_P(
    Types, BadInputTest,
    testing::Values(
        BadInput{"model:\n  fusion:\n    heads: eight\n", "f.yaml:3:12: ",
                 "model.fusion.heads must be a whole number (it is \"eight\")"},
        BadInput{"train: {global_batch: 16.0}",
                 "f.yaml:1:23: ", "must be a whole number (it is \"16.0\")"},
        BadInput{"train: {global_batch: '16'}",
                 "f.yaml:1:23: ", "quoted text \"16\""},
        BadInput{"train: {global_batch: 016}",
                 "f.yaml:1:23: ", "must be a whole number"},
        BadInput{"train: {global_batch: 1e2}",
                 "f.yaml:1:23: ", "must be a whole number"},
        BadInput{"train: {global_batch: 99999999999}",
                 "f.yaml:1:23: ", "is too large"},
        BadInput{"train: {global_batch: null}",
                 "f.yaml:1:9: ", "must be a whole number (it is null)"},
        BadInput{"model:\n  fusion:\n    heads:\n    dim: 8\n", "f.yaml:3:5: ",
                 "model.fusion.heads must be a whole number (it is null)"},
        BadInput{"run: {seed: 18446744073709551616}",
                 "f.yaml:1:13: ", "is too large"},
        BadInput{"run: {seed: -1}", "f.yaml:1:13: ", "Try at least 0"},
        BadInput{"optim: {lr: fast}",
                 "f.yaml:1:13: ", "must be a number (it is \"fast\")"},
        BadInput{"optim: {lr: .nan}", "f.yaml:1:13: ", "must be a number"},
        BadInput{"optim: {lr: nan}", "f.yaml:1:13: ", "must be a number"},
        BadInput{"optim: {lr: inf}", "f.yaml:1:13: ", "must be a number"},
        BadInput{"optim: {lr: 1e999}", "f.yaml:1:13: ", "must be a number"},
        BadInput{"optim: {lr: 1.0x}", "f.yaml:1:13: ", "must be a number"},
        BadInput{"optim: {lr: [1]}",
                 "f.yaml:1:13: ", "must be a number (it is a list of 1)"},
        BadInput{"log: {tensorboard: yes}",
                 "f.yaml:1:20: ", "must be true or false (it is \"yes\")"},
        BadInput{"log: {tensorboard: 1}",
                 "f.yaml:1:20: ", "must be true or false"},
        BadInput{"data: {train: {}}",
                 "f.yaml:1:15: ", "must be text (it is a section)"},
        BadInput{"data: {train: null}",
                 "f.yaml:1:8: ", "must be text (it is null)"},
        BadInput{"run: {name: ''}", "f.yaml:1:13: ", "must not be empty"},
        BadInput{"model: {semantic: {weights: ''}}",
                 "f.yaml:1:29: ", "must not be empty. Try null."},
        BadInput{"model: {fusion: {kind: bcats}}", "f.yaml:1:24: ",
                 "bcast, cross, concat, late, semantic, motion (it is "
                 "\"bcats\"). Did you mean bcast?"},
        BadInput{"data: {store: [auto]}", "f.yaml:1:15: ",
                 "must be one of its words (it is a list of 1)"}));

INSTANTIATE_TEST_SUITE_P(
    Ranges, BadInputTest,
    testing::Values(
        BadInput{"model:\n  fusion: {heads: 0}\n", "f.yaml:2:19: ",
                 "model.fusion.heads is out of range (it is 0). Try 1 to 1024"},
        BadInput{"model: {fusion: {dropout: 1.0}}",
                 "f.yaml:1:27: ", "Try 0 to below 1"},
        BadInput{"model: {fusion: {dropout: -0.1}}",
                 "f.yaml:1:27: ", "Try 0 to below 1"},
        BadInput{"optim: {eps: 0}", "f.yaml:1:14: ", "Try above 0"},
        BadInput{"optim: {clip_norm: -1}", "f.yaml:1:20: ", "Try at least 0"},
        BadInput{"train: {stop_after: 0}", "f.yaml:1:21: ", "Try at least 1"},
        BadInput{"model: {num_classes: 0}",
                 "f.yaml:1:22: ", "model.num_classes is out of range"},
        BadInput{"optim: {betas: [0.9, 1.5]}",
                 "f.yaml:1:22: ", "optim.betas[1] is out of range (it is 1.5)"},
        BadInput{"model: {semantic: {resolution: 0}}",
                 "f.yaml:1:32: ", "model.semantic.resolution is out of range"},
        BadInput{"model: {semantic: {resolution: [224, 0]}}", "f.yaml:1:38: ",
                 "model.semantic.resolution[1] is out of range"}));

INSTANTIATE_TEST_SUITE_P(
    Lists, BadInputTest,
    testing::Values(
        BadInput{"optim: {betas: [0.9]}", "f.yaml:1:16: ",
                 "optim.betas must be a list of 2 (it is a list of 1)"},
        BadInput{"optim: {betas: 0.9}",
                 "f.yaml:1:16: ", "must be a list of 2 (it is \"0.9\")"},
        BadInput{"model: {motion: {grid: [1, 1, 1]}}", "f.yaml:1:24: ",
                 "model.motion.grid must be a list of 2 (it is a list of 3)"},
        BadInput{"model: {motion: {grid: [1, x]}}", "f.yaml:1:28: ",
                 "model.motion.grid[1] must be a whole number"},
        BadInput{"model: {semantic: {frames: []}}", "f.yaml:1:28: ",
                 "must be a list of 1 to 1024 (it is a list of 0)"},
        BadInput{"model: {semantic: {frames: [3, -1]}}",
                 "f.yaml:1:32: ", "model.semantic.frames[1] is out of range"},
        BadInput{"model: {semantic: {resolution: [1, 2, 3]}}",
                 "f.yaml:1:32: ", "one whole number or a list [height, width]"},
        BadInput{"model: {motion: {depths: [1, 1, 1, 1, 1]}}",
                 "f.yaml:1:26: ", "must be a list of 1 to 4"},
        BadInput{"model: {motion: {temporal_kernels: [[3], []]}}",
                 "f.yaml:1:42: ",
                 "model.motion.temporal_kernels[1] must be a list of at least "
                 "1"},
        BadInput{"model: {motion: {temporal_kernels: [[3, 0]]}}",
                 "f.yaml:1:41: ",
                 "model.motion.temporal_kernels[0][1] is out of range"}));

TEST(BadOverride, NamesTheOption) {
  std::string const good = "run: {seed: 1}\n";
  auto const says = [&](std::string const& option) {
    return complaint(good, {"train.epochs=3", option});
  };
  EXPECT_EQ(says("model.fusion.heads=eight"),
            "--set model.fusion.heads=eight: model.fusion.heads must be a "
            "whole number (it is \"eight\").");
  EXPECT_EQ(says("model.fusion.heds=4"),
            "--set model.fusion.heds=4: there is no key model.fusion.heds. "
            "Did you mean model.fusion.heads?");
  EXPECT_THAT(says("model.fusion.heads"), HasSubstr("no key and value"));
  EXPECT_THAT(says("=3"), HasSubstr("no key and value"));
  EXPECT_THAT(says("model..heads=3"), HasSubstr("a part of the key is empty"));
  EXPECT_THAT(says("model.=3"), HasSubstr("a part of the key is empty"));
  EXPECT_THAT(says("optim.betas=[0.9"), HasSubstr("the value is not YAML"));
  EXPECT_THAT(says("run.seed.x=1"), HasSubstr("run.seed must be"));
  EXPECT_THAT(says("model.fusion=late"),
              HasSubstr("model.fusion must be a section"));
  EXPECT_THAT(says("train.epochs="), HasSubstr("must be a number"));
}

TEST(BadFile, IsNamed) {
  try {
    load_config("/nowhere/run.yaml");
    FAIL();
  } catch (Error const& e) {
    EXPECT_EQ(e.code(), ExitCode::usage);
    EXPECT_THAT(e.what(), HasSubstr("/nowhere/run.yaml"));
    EXPECT_THAT(e.what(), HasSubstr("No such file"));
  }
}

}  // namespace
}  // namespace gasm
