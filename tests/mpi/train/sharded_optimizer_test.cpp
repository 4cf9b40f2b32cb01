// SPDX-License-Identifier: Apache-2.0
#include "sharded_optimizer.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "gasm/ckpt/checkpoint_saver.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

/// Parameters of sizes that no block divides, two rates, with and without
/// decay, trained on random targets.
struct Training {
  Training(OptimConfig const& optim, SumFor whom) {
    torch::manual_seed(5);
    for (auto const& [name, size] : {std::pair("a.weight", 3000),
                                     {"b.bias", 7},
                                     {"c.weight", 129},
                                     {"d.weight", 1024}}) {
      auto const is_bias = std::string(name) == "b.bias";
      infos.push_back({name, at::randn({size}).requires_grad_(),
                       is_bias ? WeightDecay::off : WeightDecay::on,
                       ModelPart::fusion});
    }
    std::vector<double> const scales = {1.0, 1.0, 0.1, 1.0};
    sums = std::make_unique<GradientSum>(
        test_world(), infos, std::vector<BatchNorm*>{},
        GradientSumOptions{.buckets = {.first_mb = 0.001, .mb = 0.004},
                           .whom = whom});
    if (whom == SumFor::owner)
      optimizer =
          std::make_unique<ShardedOptimizer>(optim, infos, scales, *sums);
    else
      optimizer = make_optimizer(optim, infos, scales);
  }

  /// Five micro-batches; returns the gradient's norm.
  double step(int index) {
    sums->begin_step(5, 5, 1.0);
    auto const mine =
        even_leaf_range(5, test_world().rank(), test_world().size());
    for (std::int64_t i = mine.first; i < mine.first + mine.count; ++i) {
      torch::manual_seed(1000 * index + static_cast<int>(i));
      at::Tensor loss = at::zeros({});
      for (auto const& info : infos)
        loss =
            loss +
            (info.parameter - at::randn(info.parameter.sizes())).square().sum();
      sums->add_micro_batch(loss, {.num_clips = 1});
    }
    sums->finish_step();
    double const norm = sums->norm();
    optimizer->step(sums->gradients(), 0.01);
    optimizer->settle();
    return norm;
  }

  std::vector<ParameterInfo> infos;
  std::unique_ptr<GradientSum> sums;
  std::unique_ptr<Optimizer> optimizer;
};

void expect_equal(Training const& a, Training const& b) {
  for (std::size_t i = 0; i < a.infos.size(); ++i)
    EXPECT_TRUE(at::equal(a.infos[i].parameter, b.infos[i].parameter))
        << a.infos[i].name;
  auto const one = a.optimizer->state();
  auto const other = b.optimizer->state();
  ASSERT_EQ(one.tensors.size(), other.tensors.size());
  for (auto const& [key, tensor] : one.tensors)
    EXPECT_TRUE(at::equal(tensor, other.tensors.at(key))) << key;
}

class ShardedOptimizerTest : public testing::TestWithParam<OptimKind> {
 protected:
  OptimConfig optim() const {
    OptimConfig optim;
    optim.kind = GetParam();
    return optim;
  }
};

TEST_P(ShardedOptimizerTest, IsBitwiseTheWholeOne) {
  Training whole(optim(), SumFor::all);
  Training sharded(optim(), SumFor::owner);
  expect_equal(sharded, whole);  // before the first step
  for (int i = 0; i < 4; ++i) {
    double const norm = whole.step(i);
    EXPECT_EQ(sharded.step(i), norm) << "step " << i;
    expect_equal(sharded, whole);
  }
}

TEST_P(ShardedOptimizerTest, GoesOnFromAWholeState) {
  Training whole(optim(), SumFor::all);
  for (int i = 0; i < 2; ++i) whole.step(i);
  auto const copy_into = [&](Training& other) {
    torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < whole.infos.size(); ++i)
      other.infos[i].parameter.copy_(whole.infos[i].parameter);
    other.optimizer->load_state(whole.optimizer->state());
  };
  Training fresh(optim(), SumFor::owner);
  copy_into(fresh);
  Training used(optim(), SumFor::owner);
  used.step(9);
  copy_into(used);
  whole.step(2);
  fresh.step(2);
  used.step(2);
  expect_equal(fresh, whole);
  expect_equal(used, whole);
}

/// What the ranks write apart is, put together, the state as it is whole.
TEST_P(ShardedOptimizerTest, ItsSharesAreTheStateInACheckpoint) {
  auto const& world = test_world();
  CheckpointStore const store(shared_temp_folder() / "checkpoints");
  CheckpointSaver saver(world, store, {});
  Training sharded(optim(), SumFor::owner);
  for (std::int64_t step = 0; step < 3; ++step) {
    CheckpointShare share{.step = step, .sets = {}, .facts = {}};
    share.sets["optimizer"] = sharded.optimizer->share();
    EXPECT_EQ(share.sets.at("optimizer").is_divided, step > 0);
    saver.begin(share);
    saver.finish();
    auto const found = load_newest_checkpoint(world, store);
    ASSERT_TRUE(found);
    auto const& tensors = found->files.at("optimizer").tensors;
    auto const whole = sharded.optimizer->state().tensors;
    ASSERT_EQ(tensors.size(), whole.size());
    for (auto const& [key, tensor] : whole)
      EXPECT_TRUE(at::equal(tensors.at(key), tensor)) << key;
    sharded.step(static_cast<int>(step));
  }
}

/// What is to be saved by it: each rank keeps moments of its part alone.
TEST_P(ShardedOptimizerTest, OwnsAShare) {
  Training sharded(optim(), SumFor::owner);
  sharded.step(0);
  std::int64_t num_owned = 0;
  for (auto const& range : sharded.sums->owned())
    num_owned += static_cast<std::int64_t>(range.size);
  auto const num_values =
      static_cast<std::int64_t>(sharded.sums->layout().num_gradient_values);
  EXPECT_EQ(test_world().all_reduce_sum(num_owned), num_values);
  EXPECT_LE(num_owned, num_values / test_world().size() + 5 * 128);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ShardedOptimizerTest,
                         testing::Values(OptimKind::adamw, OptimKind::sgd),
                         [](auto const& kind) {
                           return std::string(to_word(kind.param));
                         });

}  // namespace
}  // namespace gasm
