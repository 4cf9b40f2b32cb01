// SPDX-License-Identifier: Apache-2.0
#include "dense_graph_attention.hpp"

#include <ATen/autocast_mode.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "gasm/models/layers.hpp"

namespace gasm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

/// Finite, so that the product with a mask of zeros is zero; its exponential
/// is zero beside any logit.
constexpr double kUnseen = -1e30;

/// Logits of graphs that are worked on together: 2 MB.
constexpr std::int64_t kNumLogits = 1 << 19;

struct Part {
  std::int64_t first, count;
  at::Tensor of(at::Tensor const& x) const { return x.narrow(0, first, count); }
  /// [G, H, A, B] -> [count * H, A, B].
  at::Tensor matrices(at::Tensor const& x) const { return of(x).flatten(0, 1); }
};

/// Calls work(part) for all graphs.
template <class Work>
void for_parts(at::Tensor const& q, Work&& work) {
  std::int64_t const num_graphs = q.size(0);
  std::int64_t const logits = q.size(1) * q.size(2) * q.size(2);
  std::int64_t const count =
      q.device().is_cpu() ? std::max<std::int64_t>(1, kNumLogits / logits)
                          : num_graphs;
  for (std::int64_t first = 0; first < num_graphs; first += count)
    work(Part{first, std::min(count, num_graphs - first)});
}

/// What varies between graphs, [count, 3, N * N]: cosine, similar, unseen.
at::Tensor features_of(at::Tensor const& cosine, at::Tensor const& kind) {
  at::Tensor features =
      at::empty({kind.size(0), 3, kind.size(1) * kind.size(2)},
                kind.options().dtype(at::kFloat));
  features.select(1, 0).copy_(cosine.flatten(1));
  features.select(1, 1).copy_(kind.flatten(1) == 2);
  features.select(1, 2).copy_(kind.flatten(1) < 0);
  return features;
}

double scale_of(at::Tensor const& q) {
  return 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
}

/// [count * H, N, d] to its place in x [G, N, D].
void put(at::Tensor const& matrices, Part const& part, std::int64_t heads,
         at::Tensor const& x) {
  split_heads(part.of(x), heads).copy_(matrices.unflatten(0, {-1, heads}));
}

struct DenseAttention : torch::autograd::Function<DenseAttention> {
  static variable_list forward(AutogradContext* ctx, Variable const& q,
                               Variable const& k, Variable const& v,
                               Variable const& relative, Variable const& gain,
                               Variable const& similar, Variable const& cosine,
                               Variable const& kind) {
    c10::impl::ExcludeDispatchKeyGuard const no_autocast(
        at::autocast::get_autocast_dispatch_key_from_device_type(
            q.device().type()));
    std::int64_t const heads = q.size(1), n = q.size(2);
    at::Tensor const each =
        at::stack({gain, similar, at::full_like(gain, kUnseen)}, 1);  // [H, 3]
    at::Tensor weight = at::empty({q.size(0), heads, n, n}, q.options());
    at::Tensor mixed =
        at::empty({q.size(0), n, heads * q.size(3)}, q.options());
    for_parts(q, [&](Part const& part) {
      at::Tensor const features = features_of(part.of(cosine), part.of(kind));
      at::Tensor logit =
          at::baddbmm(relative.view({1, heads, n * n})
                          .expand({part.count, heads, n * n}),
                      each.expand({part.count, heads, 3}), features)
              .view({part.count * heads, n, n});
      at::Tensor const keys = part.matrices(k).transpose(1, 2);
      if (q.scalar_type() == at::kFloat)
        logit.baddbmm_(part.matrices(q), keys, 1.0, scale_of(q));
      else
        logit.add_(at::bmm(part.matrices(q), keys), scale_of(q));
      part.matrices(weight).copy_(logit.softmax(-1));
      put(at::bmm(part.matrices(weight), part.matrices(v)), part, heads, mixed);
    });
    ctx->save_for_backward(
        {q, k, v, relative, gain, similar, cosine, kind, weight});
    ctx->mark_non_differentiable({weight});
    return {mixed, weight};
  }

  static variable_list backward(AutogradContext* ctx,
                                variable_list const& grads) {
    variable_list const saved = ctx->get_saved_variables();
    Gradients sums(saved, ctx->needs_input_grad(6));
    std::int64_t const heads = saved[0].size(1);
    at::Tensor const grad = split_heads(grads[0].contiguous(), heads);
    for_parts(saved[0], [&](Part const& part) { sums.add(part, grad); });
    return {split_heads(sums.q, heads),
            split_heads(sums.k, heads),
            split_heads(sums.v, heads),
            sums.relative,
            sums.each.select(1, 0),
            sums.each.select(1, 1),
            sums.cosine,
            Variable()};
  }

 private:
  /// The gradients of all inputs, filled part by part.
  struct Gradients {
    Gradients(variable_list const& inputs, bool has_cosine) : saved(inputs) {
      at::Tensor const& x = saved[0];
      auto const joined = [&] {
        return at::empty({x.size(0), x.size(2), x.size(1) * x.size(3)},
                         x.options());
      };
      q = joined();
      k = joined();
      v = joined();
      relative = at::zeros_like(saved[3]);
      each = at::zeros({x.size(1), 3}, saved[4].options());
      if (has_cosine) cosine = at::empty_like(saved[6]);
    }

    void add(Part const& part, at::Tensor const& grad) {
      std::int64_t const heads = relative.size(0), n = relative.size(1);
      at::Tensor const weight = part.matrices(saved[8]);
      at::Tensor const out = part.matrices(grad);
      put(at::bmm(weight.transpose(1, 2), out), part, heads, v);
      at::Tensor const of_weight =
          at::bmm(out, part.matrices(saved[2]).transpose(1, 2));
      at::Tensor const logit = at::_softmax_backward_data(
          of_weight.to(at::kFloat), weight.to(at::kFloat), -1, at::kFloat);
      add_biases(part, logit.view({part.count, heads, n * n}));
      at::Tensor const of_dot = logit.to(weight.scalar_type());
      put(at::bmm(of_dot, part.matrices(saved[1])).mul_(scale_of(saved[0])),
          part, heads, q);
      put(at::bmm(of_dot.transpose(1, 2), part.matrices(saved[0]))
              .mul_(scale_of(saved[0])),
          part, heads, k);
    }

    void add_biases(Part const& part, at::Tensor const& logit) {
      relative.view({1, relative.size(0), -1})
          .add_(part.count == 1 ? logit : logit.sum(0, /*keepdim=*/true));
      at::Tensor const features =
          features_of(part.of(saved[6]), part.of(saved[7]));
      each.add_(at::bmm(logit, features.transpose(1, 2)).sum(0));
      if (cosine.defined())
        part.of(cosine).copy_(
            at::matmul(saved[4].view({1, 1, -1}), logit)
                .view({part.count, relative.size(1), relative.size(1)}));
    }

    variable_list const& saved;
    at::Tensor q, k, v, relative, each, cosine;
  };
};

}  // namespace

Attended attend_densely(at::Tensor const& q, at::Tensor const& k,
                        at::Tensor const& v, GraphBias const& bias) {
  variable_list const results =
      DenseAttention::apply(q, k, v, bias.relative.contiguous(), bias.gain,
                            bias.similar, bias.cosine, bias.kind);
  return {results[0], results[1]};
}

}  // namespace gasm
