// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gradient_sum.hpp"
#include "optimizer.hpp"
#include "parameter_arrivals.hpp"

namespace gasm {

/// An optimiser whose memory is shared out over the ranks (ZeRO-1: Rajbhandari
/// et al. 2020, section 5.1): each rank moves the values that it owns
/// (GradientSum::owned), and the ranks then share the parameters, while the
/// next forward pass goes on. Values move as they do without it, to the last
/// bit, and the state is the same, whole.
///
/// step(), settle() and state() are collective; only the last two wait.
class ShardedOptimizer : public Optimizer {
 public:
  /// `sums` must outlive it, and sum the gradients of `parameters`.
  ShardedOptimizer(OptimConfig const& optim,
                   std::vector<ParameterInfo> parameters,
                   std::vector<double> scale_of, GradientSum& sums);

  void step(std::vector<at::Tensor> const& grads, double lr) override;
  void settle() override;
  BlockListener* begin_forward() override;
  TensorFile state() const override;
  TensorShare share() const override;
  void load_state(TensorFile const& file) override;

 private:
  /// Values from .. from + count - 1 of a parameter.
  struct Segment {
    std::size_t parameter;
    std::int64_t from;
    std::int64_t count;
  };

  void shard();
  std::vector<Segment> owned_segments() const;
  ParameterInfo info_of(Segment const& segment) const;
  /// Moves the parameters into one vector, so that they can be shared.
  void flatten_parameters();
  TensorFile part_of(TensorFile const& whole) const;

  OptimConfig optim_;
  std::vector<ParameterInfo> parameters_;
  std::vector<double> scale_of_;
  GradientSum* sums_;
  std::unique_ptr<Optimizer>
      whole_;  ///< until the first step tells who owns what
  std::unique_ptr<Optimizer> part_;
  std::set<std::string> kinds_;  ///< of moments: "exp_avg", ...
  std::vector<Segment> segments_;
  at::Tensor flat_;  ///< all parameters, laid out as their gradients
  std::unique_ptr<ParameterArrivals> arrivals_;
};

}  // namespace gasm
