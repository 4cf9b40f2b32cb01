// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/named_tensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "gasm/base/error.hpp"
#include "gasm/models/batch_norm.hpp"
#include "gasm/models/layers.hpp"

namespace gasm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Small : public torch::nn::Module {
 public:
  Small() {
    gain = register_parameter("gain", torch::ones({2}));
    register_constant(*this, "mask", torch::ones({4}));
    register_module("linear", torch::nn::Linear(3, 2));
    register_module("norm", std::make_shared<BatchNorm>(2));
  }
  at::Tensor gain;
};

TensorMap state_of(torch::nn::Module const& module) {
  TensorMap map;
  for (auto const& [name, tensor] : named_tensors(module))
    map[name] = tensor.detach().clone();
  return map;
}

std::string message_of(TensorMap const& tensors) {
  Small module;
  try {
    load_named_tensors(module, tensors, "file.safetensors");
  } catch (Error const& e) {
    return e.what();
  }
  return "";
}

TEST(NamedTensors, AreParametersAndPersistentBuffersInOrder) {
  Small const module;
  std::vector<std::string> names;
  for (auto const& [name, tensor] : named_tensors(module))
    names.push_back(name);
  EXPECT_THAT(names,
              ElementsAre("gain", "linear.weight", "linear.bias", "norm.weight",
                          "norm.bias", "norm.running_mean", "norm.running_var",
                          "norm.num_batches_tracked"));
}

TEST(LoadNamedTensors, CopiesEverything) {
  Small from, to;
  at::NoGradGuard const no_grad;
  TensorMap state = state_of(from);
  state["gain"].fill_(3);
  state["norm.num_batches_tracked"].fill_(12);
  EXPECT_TRUE(load_named_tensors(to, state, "f").empty());
  for (auto const& [name, tensor] : named_tensors(to))
    EXPECT_TRUE(at::equal(tensor, state.at(name))) << name;
  EXPECT_EQ(to.gain[0].item<float>(), 3.0F);
  EXPECT_TRUE(to.gain.requires_grad());
}

TEST(LoadNamedTensors, ConvertsHalfTypesAndSaysWhich) {
  Small module;
  TensorMap state = state_of(module);
  state["gain"] = at::full({2}, 1.5, at::kBFloat16);
  state["linear.weight"] = at::full({2, 3}, 0.25, at::kHalf);
  EXPECT_THAT(load_named_tensors(module, state, "f"),
              ElementsAre("gain", "linear.weight"));
  EXPECT_EQ(module.gain[1].item<float>(), 1.5F);
}

TEST(LoadNamedTensors, NamesAMissingTensor) {
  TensorMap state = state_of(Small());
  state["linear.wieght"] = state["linear.weight"];
  state.erase("linear.weight");
  std::string const message = message_of(state);
  EXPECT_THAT(message, HasSubstr("file.safetensors"));
  EXPECT_THAT(message, HasSubstr("no tensor linear.weight"));
  EXPECT_THAT(message, HasSubstr("[2, 3]"));
  EXPECT_THAT(message, HasSubstr("linear.wieght"));
}

TEST(LoadNamedTensors, NamesAnExtraTensor) {
  TensorMap state = state_of(Small());
  state["linear.weights"] = at::zeros({7});
  std::string const message = message_of(state);
  EXPECT_THAT(message, HasSubstr("linear.weights (shape [7]"));
  EXPECT_THAT(message, HasSubstr("nearest name in the model is linear.weight"));
}

TEST(LoadNamedTensors, NamesAMisshapenTensorAndCopiesNothing) {
  Small module;
  TensorMap state = state_of(module);
  state["gain"] = at::full({2}, 9.0);
  state["norm.bias"] = at::zeros({3});
  EXPECT_THROW(load_named_tensors(module, state, "f"), Error);
  EXPECT_EQ(module.gain[0].item<float>(), 1.0F);
  std::string const message = message_of(state);
  EXPECT_THAT(message, HasSubstr("norm.bias has shape [3]"));
  EXPECT_THAT(message, HasSubstr("needs [2]"));
}

TEST(LoadNamedTensors, RefusesIntegersForNumbersAndBack) {
  TensorMap state = state_of(Small());
  state["gain"] = at::ones({2}, at::kLong);
  EXPECT_THAT(message_of(state), HasSubstr("gain holds Long"));
  state = state_of(Small());
  state["norm.num_batches_tracked"] = at::ones({});
  EXPECT_THAT(message_of(state), HasSubstr("num_batches_tracked holds Float"));
}

TEST(UpToStage, KeepsTheStagesInUse) {
  at::Tensor const x = at::zeros({1});
  TensorMap const file = {{"blocks.0.conv.weight", x},
                          {"blocks.1.a", x},
                          {"blocks.3.a", x},
                          {"blocks.4.a", x},
                          {"blocks.5.a", x},
                          {"blocks.6.proj.weight", x},
                          {"blocks.7.a", x}};
  TensorMap const res3 = up_to_stage(file, 2);
  EXPECT_TRUE(res3.count("blocks.0.conv.weight"));
  EXPECT_TRUE(res3.count("blocks.3.a"));
  EXPECT_FALSE(res3.count("blocks.4.a"));
  EXPECT_FALSE(res3.count("blocks.6.proj.weight"));
  // What nobody knows stays, for the strict loader to name.
  EXPECT_TRUE(res3.count("blocks.7.a"));
  EXPECT_TRUE(up_to_stage(file, 4).count("blocks.5.a"));
}

}  // namespace
}  // namespace gasm
