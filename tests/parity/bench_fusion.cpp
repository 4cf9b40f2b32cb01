// SPDX-License-Identifier: Apache-2.0
// bench_fusion MODEL_JSON BATCH fp32|bf16: one thing for each line of standard
// input, answered by its seconds, so that a caller measures programs in turn
// (tools/bench/fusion_peers.py).
//   step  forward, loss and backward of a fusion model on random features
//   gemm  a product of two matrices of 2048 x 2048
#include <ATen/autocast_mode.h>
#include <torch/torch.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "gasm/base/error.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/freed_memory.hpp"
#include "gasm/config/fusion_spec.hpp"
#include "gasm/models/gasm_cast.hpp"
#include "gasm/models/linear.hpp"

namespace {

/// Autocast to bf16 while it lives, or nothing.
class Autocast {
 public:
  explicit Autocast(bool is_on) {
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCPU, is_on);
  }
  ~Autocast() {
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
  }
  Autocast(Autocast const&) = delete;
  Autocast& operator=(Autocast const&) = delete;
};

struct Bench {
  Bench(gasm::FusionSpec const& spec, std::int64_t batch, bool in_bf16)
      : model(spec), is_bf16(in_bf16) {
    std::int64_t const places =
        std::int64_t{spec.semantic_grid[0]} * spec.semantic_grid[1];
    semantic = torch::randn(
        {batch, static_cast<std::int64_t>(spec.semantic_frames.size()), places,
         spec.semantic_dim});
    motion = torch::randn({batch, spec.motion_segments,
                           spec.motion_grid[0] * spec.motion_grid[1],
                           spec.motion_dim});
    labels = torch::randint(0, spec.num_classes, {batch});
    left = torch::randn({2048, 2048}).to(in_bf16 ? at::kBFloat16 : at::kFloat);
    // What starts at zero would make the work of backward unlike later steps'.
    at::NoGradGuard const no_grad;
    for (at::Tensor& parameter : model.parameters())
      parameter.add_(0.02 * torch::randn_like(parameter));
  }

  void step() {
    model.zero_grad();
    at::Tensor loss;
    {
      Autocast const autocast(is_bf16);
      loss = at::cross_entropy_loss(
          model.forward(semantic, motion).to(at::kFloat), labels);
    }
    loss.backward();
  }

  // By whatever multiplies fastest here.
  void gemm() { gasm::linear_map(left, left, {}); }

  gasm::GasmCast model;
  bool is_bf16;
  at::Tensor semantic, motion, labels, left;
};

template <class Work>
void answer(Work&& work) {
  auto const start = std::chrono::steady_clock::now();
  work();
  std::chrono::duration<double> const passed =
      std::chrono::steady_clock::now() - start;
  std::printf("%.6f\n", passed.count());
  std::fflush(stdout);
}

int serve(Bench& bench) {
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line == "step")
      answer([&] { bench.step(); });
    else if (line == "gemm")
      answer([&] { bench.gemm(); });
    else
      return 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  gasm::keep_freed_memory();  // as gasm does
  std::string const precision = argc == 4 ? argv[3] : "";
  if (precision != "fp32" && precision != "bf16") {
    std::fprintf(stderr, "usage: bench_fusion MODEL_JSON BATCH fp32|bf16\n");
    return 2;
  }
  try {
    torch::manual_seed(0);
    auto const text = gasm::value_or_throw(gasm::read_text(argv[1]));
    Bench bench(gasm::parse_fusion_spec(text, argv[1]), std::atoi(argv[2]),
                precision == "bf16");
    return serve(bench);
  } catch (std::exception const& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
