// SPDX-License-Identifier: Apache-2.0
#include "adamw.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace gasm {
namespace {

constexpr std::array kAll = {Implementation::fused, Implementation::foreach,
                             Implementation::plain};

/// Parameters with and without decay, at two learning rates: four groups.
struct Problem {
  std::vector<ParameterInfo> parameters;
  std::vector<double> scale_of;
};

Problem make_problem() {
  torch::manual_seed(7);
  Problem problem;
  std::vector<std::vector<std::int64_t>> const shapes = {
      {17, 5}, {5}, {64, 33}, {1}, {3, 2, 2}, {129}};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    problem.parameters.push_back(
        {"p" + std::to_string(i), at::randn(shapes[i]).set_requires_grad(true),
         shapes[i].size() > 1 ? WeightDecay::on : WeightDecay::off,
         ModelPart::fusion});
    problem.scale_of.push_back(i < 3 ? 1.0 : 0.3);
  }
  return problem;
}

OptimConfig make_optim(Implementation implementation, double eps) {
  OptimConfig optim;
  optim.implementation = implementation;
  optim.betas = {0.9, 0.98};
  optim.eps = eps;
  optim.weight_decay = 0.1;
  return optim;
}

/// Of one step: noise around a slope that fades; some are exactly 0.
std::vector<at::Tensor> draw_gradients(Problem const& problem, int step) {
  torch::manual_seed(static_cast<std::uint64_t>(100 + step));
  std::vector<at::Tensor> gradients;
  for (auto const& info : problem.parameters) {
    auto g = at::randn(info.parameter.sizes()) * std::exp(-0.01 * step);
    gradients.push_back(g * at::gt(g, -1.0));
  }
  return gradients;
}

double rate_of(int step) { return 1e-2 / (1.0 + 0.01 * step); }

/// The formula in double precision.
class Reference {
 public:
  Reference(Problem const& problem, OptimConfig const& optim)
      : problem_(problem), optim_(optim) {
    for (auto const& info : problem.parameters) {
      p_.push_back(info.parameter.detach().to(at::kDouble).clone());
      m_.push_back(at::zeros_like(p_.back()));
      v_.push_back(at::zeros_like(p_.back()));
    }
  }

  void step(std::vector<at::Tensor> const& gradients, double lr) {
    ++t_;
    for (std::size_t i = 0; i < p_.size(); ++i) {
      double const rate = lr * problem_.scale_of[i];
      bool const decays = problem_.parameters[i].decay == WeightDecay::on;
      double const decay = decays ? optim_.weight_decay : 0.0;
      auto const* g = gradients[i].const_data_ptr<float>();
      auto* p = p_[i].data_ptr<double>();
      auto* m = m_[i].data_ptr<double>();
      auto* v = v_[i].data_ptr<double>();
      for (std::int64_t k = 0; k < p_[i].numel(); ++k) {
        m[k] = optim_.betas[0] * m[k] + (1 - optim_.betas[0]) * g[k];
        v[k] = optim_.betas[1] * v[k] +
               (1 - optim_.betas[1]) * double{g[k]} * double{g[k]};
        double const root =
            std::sqrt(v[k] / (1 - std::pow(optim_.betas[1], t_)));
        p[k] = p[k] * (1 - rate * decay) -
               rate * m[k] / (1 - std::pow(optim_.betas[0], t_)) /
                   (root + optim_.eps);
      }
    }
  }
  std::vector<at::Tensor> const& parameters() const { return p_; }

 private:
  Problem problem_;
  OptimConfig optim_;
  std::vector<at::Tensor> p_, m_, v_;
  int t_ = 0;
};

/// Largest difference as a share of the largest value.
double difference(Problem const& problem,
                  std::vector<at::Tensor> const& wanted) {
  double worst = 0.0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    auto const found = problem.parameters[i].parameter.detach();
    auto const apart = (found.to(at::kDouble) - wanted[i]).abs().max();
    worst = std::max(worst, (apart / wanted[i].abs().max()).item<double>());
  }
  return worst;
}

// 500 roundings to 6e-8 of a value are 3e-5 at most, and seldom of one sign.
TEST(AdamWImplementations, FollowTheFormulaOver500Steps) {
  for (double const eps : {1e-8, 1e-3})
    for (auto const implementation : kAll) {
      auto const problem = make_problem();
      auto const optim = make_optim(implementation, eps);
      Reference reference(problem, optim);
      AdamW adamw(optim, problem.parameters, problem.scale_of);
      for (int step = 0; step < 500; ++step) {
        auto const gradients = draw_gradients(problem, step);
        adamw.step(gradients, rate_of(step));
        reference.step(gradients, rate_of(step));
      }
      EXPECT_LT(difference(problem, reference.parameters()), 5e-6)
          << static_cast<int>(implementation) << " eps " << eps;
    }
}

TEST(AdamWImplementations, AreTorchsAdamW) {
  for (auto const implementation : kAll) {
    auto const ours = make_problem();
    auto const optim = make_optim(implementation, 1e-8);
    AdamW adamw(optim, ours.parameters, ours.scale_of);
    auto theirs = make_problem();
    std::vector<torch::optim::OptimizerParamGroup> groups;
    for (auto const& info : theirs.parameters) {
      auto options = std::make_unique<torch::optim::AdamWOptions>(1e-3);
      options->betas({0.9, 0.98})
          .weight_decay(info.decay == WeightDecay::on ? 0.1 : 0.0);
      groups.emplace_back(std::vector{info.parameter}, std::move(options));
    }
    torch::optim::AdamW torchs(groups);
    for (int step = 0; step < 100; ++step) {
      auto const gradients = draw_gradients(ours, step);
      adamw.step(gradients, rate_of(step));
      for (std::size_t i = 0; i < gradients.size(); ++i) {
        theirs.parameters[i].parameter.mutable_grad() = gradients[i];
        torchs.param_groups()[i].options().set_lr(rate_of(step) *
                                                  theirs.scale_of[i]);
      }
      torchs.step();
    }
    std::vector<at::Tensor> wanted;
    for (auto const& info : theirs.parameters)
      wanted.push_back(info.parameter.detach().to(at::kDouble));
    EXPECT_LT(difference(ours, wanted), 2e-6)
        << static_cast<int>(implementation);
  }
}

TEST(AdamWImplementations, GoOnFromEachOthersState) {
  auto const problem = make_problem();
  auto const optim = make_optim(Implementation::plain, 1e-8);
  Reference reference(problem, optim);
  std::vector<std::unique_ptr<AdamW>> all;
  for (auto const implementation : kAll)
    all.push_back(std::make_unique<AdamW>(make_optim(implementation, 1e-8),
                                          problem.parameters,
                                          problem.scale_of));
  for (int step = 0; step < 90; ++step) {
    auto const gradients = draw_gradients(problem, step);
    auto const turn = static_cast<std::size_t>(step) % all.size();
    all[turn]->step(gradients, rate_of(step));
    reference.step(gradients, rate_of(step));
    all[(turn + 1) % all.size()]->load_state(all[turn]->state());
  }
  EXPECT_LT(difference(problem, reference.parameters()), 5e-6);
}

TEST(AdamWImplementations, TakeNothingToUpdate) {
  for (auto const implementation : kAll) {
    AdamW adamw(make_optim(implementation, 1e-8), {}, {});
    adamw.step({}, 1e-3);
    EXPECT_EQ(adamw.state().tensors.size(), 1U);
  }
}

}  // namespace
}  // namespace gasm
