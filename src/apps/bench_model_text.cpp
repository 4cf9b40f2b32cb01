// SPDX-License-Identifier: Apache-2.0
#include "bench_model_text.hpp"

#include <fmt/format.h>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

constexpr double kMB = 1e-6;

}  // namespace

std::string to_text(ModelCost const& cost) {
  return fmt::format(
      "{}traced   {:.3f} GMAC a clip, forward\n"
      "forward  {:.1f} ms a micro-batch of {} (median)\n"
      "step     {:.1f} ms: forward, backward, optimiser (median)\n"
      "memory   {:.1f} MB of tensors at most in a step, beside parameters, "
      "gradients\n         and moments",
      cost.summary, 1e-9 * cost.traced_macs, 1e3 * cost.forward_s,
      cost.num_clips, 1e3 * cost.step_s,
      kMB * static_cast<double>(cost.peak_bytes));
}

std::string compared(ModelCost const& first, ModelCost const& other) {
  auto const ratio = [](auto a, auto b) {
    return static_cast<double>(a) / static_cast<double>(b);
  };
  return fmt::format(
      "The first over the other: forward {:.3f}, step {:.3f}, memory {:.3f}, "
      "work {:.3f}, trainable parameters {:.3f}",
      ratio(first.forward_s, other.forward_s),
      ratio(first.step_s, other.step_s),
      ratio(first.peak_bytes, other.peak_bytes),
      ratio(first.traced_macs, other.traced_macs),
      ratio(first.trainable, other.trainable));
}

std::string to_json(ModelCost const& cost) {
  return fmt::format(
      R"({{"macs":{:.0f},"claimed_macs":{:.0f},"trainable":{},"clips":{},)"
      R"("forward_ms":{:.4f},"step_ms":{:.4f},"peak_bytes":{}}})",
      cost.traced_macs, cost.claimed_macs, cost.trainable, cost.num_clips,
      1e3 * cost.forward_s, 1e3 * cost.step_s, cost.peak_bytes);
}

std::string to_text(BackboneCost const& cost) {
  return fmt::format(
      "{} parameters\n"
      "traced   {:.3f} GMAC an image or clip\n"
      "forward  {:.1f} ms for {} (median)",
      cost.parameters, 1e-9 * cost.traced_macs, 1e3 * cost.forward_s,
      cost.num_inputs);
}

Precision precision_of(std::string const& word) {
  for (auto const& choice : choices(Precision{}))
    if (choice.word == word) return choice.value;
  throw usage_error("--precision is {}. Try fp32, bf16 or fp16", word);
}

int checked_count(char const* option, int value) {
  if (value < 1 || value > 1000000)
    throw usage_error("{} {} is out of range. Try 1 to 1000000", option, value);
  return value;
}

std::string to_json(BackboneCost const& cost) {
  return fmt::format(
      R"({{"parameters":{},"macs":{:.0f},"inputs":{},"forward_ms":{:.4f}}})",
      cost.parameters, cost.traced_macs, cost.num_inputs, 1e3 * cost.forward_s);
}

}  // namespace gasm
