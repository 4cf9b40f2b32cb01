// SPDX-License-Identifier: Apache-2.0
#include "weight_average.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

std::vector<ParameterInfo> make_parameters() {
  auto const make = [](char const* name, at::Tensor const& value) {
    return ParameterInfo{name, value.clone().set_requires_grad(true),
                         WeightDecay::on, ModelPart::fusion};
  };
  return {make("a", at::tensor({1.0F, -2.0F, 3.0F})),
          make("b", at::full({2, 2}, 0.5F))};
}

void set(ParameterInfo const& info, double value) {
  torch::NoGradGuard const no_grad;
  auto parameter = info.parameter;
  parameter.fill_(value);
}

TEST(AverageDecay, GrowsUpToItsValue) {
  EXPECT_DOUBLE_EQ(average_decay(0.99, 0), 0.1);
  EXPECT_DOUBLE_EQ(average_decay(0.99, 8), 0.5);
  EXPECT_DOUBLE_EQ(average_decay(0.99, 100), 101.0 / 110.0);
  EXPECT_DOUBLE_EQ(average_decay(0.99, 891), 0.99);
  EXPECT_DOUBLE_EQ(average_decay(0.99, 5000), 0.99);
  EXPECT_DOUBLE_EQ(average_decay(0.05, 0), 0.05);
}

TEST(WeightAverage, FollowsTheFormula) {
  auto const parameters = make_parameters();
  WeightAverage average(0.9, parameters);
  double wanted[3] = {1.0, -2.0, 3.0};
  for (int t = 0; t < 200; ++t) {
    double const value = std::cos(0.1 * t);
    set(parameters[0], value);
    average.update();
    double const d = std::min(0.9, (1.0 + t) / (10.0 + t));
    for (double& x : wanted) x = d * x + (1 - d) * value;
    auto const found =
        average.put_into({{"a", parameters[0].parameter}}).at(0).second;
    for (int i = 0; i < 3; ++i)
      ASSERT_NEAR(found[i].item<double>(), wanted[i], 1e-6) << t;
  }
  EXPECT_EQ(average.num_updates(), 200);
}

/// On a device, whether a step counts is a number there.
TEST(WeightAverage, UpdatesUnlessToldOtherwiseByATensor) {
  auto const parameters = make_parameters();
  WeightAverage average(0.9, parameters), twin(0.9, parameters);
  for (int t = 0; t < 30; ++t) {
    set(parameters[0], std::cos(0.1 * t));
    bool const counts = t % 3 != 1;
    average.update_unless(at::full({}, counts ? 0.0F : 1.0F));
    if (counts) twin.update();
  }
  auto const found = average.put_into({{"a", parameters[0].parameter}});
  auto const wanted = twin.put_into({{"a", parameters[0].parameter}});
  EXPECT_TRUE(at::allclose(found[0].second, wanted[0].second, 1e-6, 1e-6));
  EXPECT_EQ(average.num_updates(), 20);
  average.load({{"a", at::zeros({3})}, {"b", at::zeros({2, 2})}}, 7);
  EXPECT_EQ(average.num_updates(), 7);
}

TEST(WeightAverage, TheUpdateChangesNoParameter) {
  auto const parameters = make_parameters();
  WeightAverage average(0.9, parameters);
  set(parameters[0], 7.0);
  average.update();
  EXPECT_TRUE(at::equal(parameters[0].parameter, at::full({3}, 7.0F)));
  EXPECT_TRUE(parameters[0].parameter.requires_grad());
}

TEST(WeightAverage, StandsInForTheParametersWhileItIsAsked) {
  auto const parameters = make_parameters();
  WeightAverage average(0.9, parameters);
  set(parameters[0], 0.1);  // not a sum of powers of two
  auto const before = parameters[0].parameter.detach().clone();
  auto const* const data = parameters[0].parameter.const_data_ptr<float>();
  {
    AveragedModel const averaged(&average);
    EXPECT_TRUE(
        at::equal(parameters[0].parameter, at::tensor({1.0F, -2.0F, 3.0F})));
    EXPECT_EQ(parameters[0].parameter.const_data_ptr<float>(), data);
  }
  EXPECT_TRUE(at::equal(parameters[0].parameter, before));
  AveragedModel const same(nullptr);
  EXPECT_TRUE(at::equal(parameters[0].parameter, before));
}

TEST(WeightAverage, LeavesWhatDoesNotLearnInTheStateDict) {
  auto const parameters = make_parameters();
  WeightAverage const average(0.9, parameters);
  set(parameters[1], 9.0);
  auto const frozen = at::ones({4});
  auto const state =
      average.put_into({{"frozen", frozen}, {"b", parameters[1].parameter}});
  ASSERT_EQ(state.size(), 2U);
  EXPECT_TRUE(state[0].second.is_same(frozen));
  EXPECT_TRUE(at::equal(state[1].second, at::full({2, 2}, 0.5F)));
}

TEST(WeightAverage, GoesOnFromItsState) {
  auto const parameters = make_parameters();
  WeightAverage first(0.9, parameters);
  set(parameters[0], 5.0);
  for (int i = 0; i < 3; ++i) first.update();
  auto const tensors_of = [&](WeightAverage const& average) {
    TensorMap tensors = {{"more", at::ones({1})}};
    for (auto const& [name, tensor] :
         average.put_into({{"a", at::Tensor()}, {"b", at::Tensor()}}))
      tensors[name] = tensor.clone();
    return tensors;
  };
  WeightAverage second(0.9, parameters);
  second.load(tensors_of(first), first.num_updates());
  set(parameters[0], -1.0);
  first.update();
  second.update();
  EXPECT_TRUE(at::equal(tensors_of(first).at("a"), tensors_of(second).at("a")));

  auto broken = tensors_of(first);
  broken["a"] = at::ones({4});
  EXPECT_THROW(second.load(broken, 1), Error);
  broken.erase("a");
  EXPECT_THROW(second.load(broken, 1), Error);
}

}  // namespace
}  // namespace gasm
