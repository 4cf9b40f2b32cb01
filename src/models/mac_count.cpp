// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/mac_count.hpp"

#include <ATen/record_function.h>
#include <torch/torch.h>

#include <memory>
#include <string_view>
#include <utility>

namespace gasm {
namespace {

thread_local double* counter = nullptr;

/// Of a and b [..., n, k] x [..., k, m].
double product_macs(at::Tensor const& a, at::Tensor const& b) {
  return static_cast<double>(a.numel()) * static_cast<double>(b.size(-1));
}

/// Each value of a convolution's output is a sum over the kernel and the
/// channels of its group: weight [out, in / groups, kernel...].
struct ConvolutionCall : at::ObserverContext {
  explicit ConvolutionCall(at::Tensor const& weight)
      : macs_a_value(static_cast<double>(weight.numel()) /
                     static_cast<double>(weight.size(0))) {}
  double macs_a_value;
};

/// q [B, H, T, d], k and v [B, H, S, d].
double attention_macs(at::Tensor const& q, at::Tensor const& k,
                      at::Tensor const& v) {
  double const rows =
      static_cast<double>(q.numel()) / static_cast<double>(q.size(-1));
  return rows * static_cast<double>(k.size(-2)) *
         static_cast<double>(q.size(-1) + v.size(-1));
}

bool is_attention(std::string_view name) {
  for (std::string_view const known :
       {"aten::_scaled_dot_product_flash_attention",
        "aten::_scaled_dot_product_flash_attention_for_cpu",
        "aten::_scaled_dot_product_efficient_attention",
        "aten::_scaled_dot_product_cudnn_attention"})
    if (name == known) return true;
  return false;
}

/// The same behind the pass: q, k and v stand after the output's gradient.
bool is_attention_backward(std::string_view name) {
  constexpr std::string_view kEnd = "_backward";
  return name.ends_with(kEnd) &&
         is_attention(name.substr(0, name.size() - kEnd.size()));
}

/// One product for the gradient of the input, one for that of the weight, as
/// they are asked for. Each has as many as the pass itself.
double convolution_backward_macs(at::RecordFunction const& call) {
  auto const inputs = call.inputs();
  auto const& weight = inputs[2].toTensor();
  double const once = static_cast<double>(inputs[0].toTensor().numel()) *
                      static_cast<double>(weight.numel()) /
                      static_cast<double>(weight.size(0));
  auto const wanted = inputs[10].toBoolList();
  return once * ((wanted[0] ? 1.0 : 0.0) + (wanted[1] ? 1.0 : 0.0));
}

/// Counts what the inputs tell; the rest waits for the output.
std::unique_ptr<at::ObserverContext> begin_call(
    at::RecordFunction const& call) {
  if (counter == nullptr) return nullptr;
  std::string_view name = call.name();
  if (name.ends_with('_')) name.remove_suffix(1);  // in place
  auto const tensor = [&](std::size_t i) {
    return call.inputs()[i].toTensor();
  };
  if (name == "aten::mm" || name == "aten::bmm")
    *counter += product_macs(tensor(0), tensor(1));
  else if (name == "aten::addmm" || name == "aten::baddbmm")
    *counter += product_macs(tensor(1), tensor(2));
  else if (name == "mkldnn::_linear_pointwise")  // b stands transposed
    *counter += product_macs(tensor(0), tensor(1).t());
  else if (is_attention(name))
    *counter += attention_macs(tensor(0), tensor(1), tensor(2));
  else if (is_attention_backward(name))
    *counter += 2.0 * attention_macs(tensor(1), tensor(2), tensor(3));
  else if (name == "aten::convolution_backward")
    *counter += convolution_backward_macs(call);
  else if (name == "aten::convolution")
    return std::make_unique<ConvolutionCall>(tensor(1));
  return nullptr;
}

void end_call(at::RecordFunction const& call, at::ObserverContext* context) {
  auto const* convolution = dynamic_cast<ConvolutionCall const*>(context);
  if (counter == nullptr || convolution == nullptr) return;
  *counter += convolution->macs_a_value *
              static_cast<double>(call.outputs().front().toTensor().numel());
}

}  // namespace

double count_macs(std::function<void()> const& run) {
  double macs = 0.0;
  double* const outer = std::exchange(counter, &macs);
  auto const handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(begin_call, end_call)
          .needsInputs(true)
          .needsOutputs(true)
          .scopes({at::RecordScope::FUNCTION}));
  auto const end = [&] {
    at::removeCallback(handle);
    counter = outer;
  };
  try {
    run();
  } catch (...) {
    end();
    throw;
  }
  end();
  return macs;
}

}  // namespace gasm
