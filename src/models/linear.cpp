// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/linear.hpp"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace gasm {
namespace {

/// Products of fewer multiply-accumulates take as long with either.
constexpr std::int64_t kMinMacs = 1 << 20;

using Product = at::Tensor(at::Tensor const&, at::Tensor const&,
                           std::optional<at::Tensor> const&, std::string_view,
                           c10::List<std::optional<at::Scalar>>,
                           std::optional<std::string_view>);

/// LibTorch multiplies plain fp32 matrices with oneDNN in this operator alone;
/// it is there for its compiler of graphs.
std::optional<c10::OperatorHandle> find_product() {
  return c10::Dispatcher::singleton().findSchema(
      {"mkldnn::_linear_pointwise", ""});
}

bool is_foreign_to_mkl() {
#if defined(__x86_64__)
  return !__builtin_cpu_is("intel") && __builtin_cpu_supports("avx2");
#else
  return false;  // LibTorch has no MKL there
#endif
}

/// a b^T + bias of a [n, k], b [m, k], bias [m] if any; both may be transposed
/// views.
at::Tensor product_of(at::Tensor const& a, at::Tensor const& b,
                      std::optional<at::Tensor> const& bias = std::nullopt) {
  static auto const op = find_product().value().typed<Product>();
  at::AutoDispatchBelowADInplaceOrView const no_autograd;
  return op.call(a, b, bias, "none", c10::List<std::optional<at::Scalar>>(),
                 std::nullopt);
}

at::Tensor in_rows(at::Tensor const& x) {
  return x.reshape({-1, x.size(-1)}).contiguous();
}

class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            at::Tensor const& x, at::Tensor const& weight,
                            std::optional<at::Tensor> const& bias) {
    context->save_for_backward({x, weight});
    context->saved_data[kHasBias] = bias.has_value();
    auto sizes = x.sizes().vec();
    sizes.back() = weight.size(0);
    return product_of(in_rows(x), weight, bias).view(sizes);
  }

  static torch::autograd::variable_list backward(
      torch::autograd::AutogradContext* context,
      torch::autograd::variable_list const& gradients) {
    auto const saved = context->get_saved_variables();
    at::Tensor const& x = saved[0];
    at::Tensor const& weight = saved[1];
    at::Tensor const gradient = in_rows(gradients[0]);
    torch::autograd::variable_list of(3);
    if (context->needs_input_grad(0))
      of[0] = product_of(gradient, weight.t()).view(x.sizes());
    if (context->needs_input_grad(1))
      of[1] = product_of(gradient.t(), in_rows(x).t());
    if (context->saved_data[kHasBias].toBool() && context->needs_input_grad(2))
      of[2] = gradient.sum(0);
    return of;
  }

 private:
  static constexpr char const* kHasBias = "has_bias";
};

bool is_plain(at::Tensor const& tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == at::kFloat;
}

bool is_for_onednn(at::Tensor const& x, at::Tensor const& weight,
                   at::Tensor const& bias) {
  return multiplies_with_onednn() && is_plain(x) && is_plain(weight) &&
         (!bias.defined() || is_plain(bias)) && x.dim() > 0 &&
         x.size(-1) == weight.size(1) &&
         // Of rows that are apart oneDNN has but its reference, a thousand
         // times slower.
         weight.is_contiguous() && x.numel() * weight.size(0) >= kMinMacs &&
         !at::autocast::is_autocast_enabled(at::kCPU);
}

}  // namespace

bool multiplies_with_onednn() {
  static bool const is_worth_it = is_foreign_to_mkl() && find_product();
  return is_worth_it && at::globalContext().userEnabledMkldnn();
}

at::Tensor linear_map(at::Tensor const& x, at::Tensor const& weight,
                      at::Tensor const& bias) {
  return is_for_onednn(x, weight, bias)
             ? LinearFunction::apply(
                   x, weight,
                   bias.defined() ? std::optional(bias) : std::nullopt)
             : at::linear(x, weight, bias);
}

}  // namespace gasm
