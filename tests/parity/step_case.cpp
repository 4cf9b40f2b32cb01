// SPDX-License-Identifier: Apache-2.0
// step_case FOLDER: makes one training step of every case below FOLDER with
// the trainer's own parts, and compares every tensor of the model after it
// with what PyTorch's AdamW left (make_cases.py).
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "adamw.hpp"
#include "clip_gradient.hpp"
#include "gasm/base/error.hpp"
#include "gasm/base/file.hpp"
#include "gasm/ckpt/safetensors.hpp"
#include "gasm/config/fusion_spec.hpp"
#include "gasm/config/load.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/eval/forward_batch.hpp"
#include "gasm/models/gasm_cast.hpp"
#include "gasm/models/model_summary.hpp"
#include "gasm/models/named_tensors.hpp"
#include "gasm/models/recogniser.hpp"
#include "gradient_sum.hpp"
#include "mixed_loss.hpp"
#include "run_setup.hpp"

namespace {

using gasm::TensorMap;
namespace fs = std::filesystem;

constexpr double kTolerance = 1e-5;
constexpr std::int64_t kNumMicro = 2;

std::string text_of(fs::path const& path) {
  return gasm::value_or_throw(gasm::read_text(path));
}

gasm::TensorFile tensors_of(fs::path const& path) {
  return gasm::value_or_throw(gasm::read_safetensors(path));
}

gasm::MicroBatch take_part(TensorMap const& inputs, std::int64_t index) {
  std::int64_t const size = inputs.at("labels").size(0) / kNumMicro;
  auto const rows = [&](char const* name) {
    auto const all = inputs.find(name);
    return all == inputs.end() ? at::Tensor()
                               : all->second.narrow(0, index * size, size);
  };
  gasm::MicroBatch batch;
  if (inputs.contains("clips"))
    batch.clips = rows("clips").permute({0, 1, 4, 2, 3}).contiguous();
  batch.semantic = rows("semantic");
  batch.motion = rows("motion");
  batch.labels = rows("labels");
  batch.other_labels = rows("other_labels");
  if (auto const share = inputs.find("own_share"); share != inputs.end())
    batch.own_share = share->second[index].item<double>();
  batch.samples.resize(static_cast<std::size_t>(size));
  return batch;
}

using Forward = std::function<at::Tensor(gasm::MicroBatch const&)>;

/// One step by the trainer's parts from the moments in `inputs`.
TensorMap run_step(torch::nn::Module& model, Forward const& forward,
                   gasm::RunConfig const& config,
                   gasm::TensorFile const& inputs) {
  model.train();
  auto const parameters = gasm::parameter_groups(model);
  gasm::AdamW adamw(config.optim, parameters,
                    gasm::lr_scales(config, parameters));
  adamw.load_state(inputs);
  auto const norms = gasm::collect_batch_norms(model);
  gasm::GradientSum sums(gasm::Communicator::self(), parameters, norms, {});
  sums.begin_step(kNumMicro, inputs.tensors.at("labels").size(0),
                  /*loss_scale=*/1.0);
  for (std::int64_t i = 0; i < kNumMicro; ++i) {
    auto const batch = take_part(inputs.tensors, i);
    sums.add_micro_batch(
        gasm::mixed_loss(forward(batch), batch, config.optim.label_smoothing),
        {.num_clips = batch.size()});
  }
  auto const result = sums.finish_step();
  at::Tensor const flat = sums.flat_gradient();
  double const norm = sums.norm();
  gasm::clip_gradient(flat, norm, config.optim.clip_norm);
  adamw.step(sums.gradients(), config.optim.lr);
  if (!norms.empty()) gasm::apply_running_update(norms, sums.mean_statistics());
  TensorMap outputs = {{"loss", torch::tensor(result.loss)},
                       {"grad_norm", torch::tensor(norm)}};
  for (auto const& [key, tensor] : gasm::named_tensors(model))
    outputs["after." + key] = tensor.detach();
  return outputs;
}

TensorMap run_fusion(fs::path const& folder, gasm::RunConfig const& config,
                     gasm::TensorFile const& inputs) {
  std::string const name = folder.string();
  gasm::GasmCast model(
      gasm::parse_fusion_spec(text_of(folder / "model.json"), name));
  gasm::load_named_tensors(
      model, tensors_of(folder / "weights.safetensors").tensors, name);
  return run_step(
      model,
      [&](gasm::MicroBatch const& batch) {
        return model.forward(batch.semantic, batch.motion);
      },
      config, inputs);
}

TensorMap run_recogniser(fs::path const& folder, gasm::RunConfig config,
                         gasm::TensorFile const& inputs,
                         gasm::Activations activations) {
  std::string const name = folder.string();
  config.model = gasm::parse_model_config(text_of(folder / "model.json"), name);
  auto const model =
      gasm::build_recogniser(config.model, inputs.tensors.at("clips").size(1),
                             config.model.num_classes.value());
  gasm::load_named_tensors(
      *model, tensors_of(folder / "weights.safetensors").tensors, name);
  model->set_activations(activations);
  return run_step(
      *model,
      [&](gasm::MicroBatch const& batch) {
        return gasm::forward_batch(*model, batch, gasm::Precision::fp32);
      },
      config, inputs);
}

double relative_error(at::Tensor const& got, at::Tensor const& wanted) {
  if (got.sizes() != wanted.sizes()) throw gasm::error("another shape");
  if (!wanted.is_floating_point()) return at::equal(got, wanted) ? 0.0 : 1.0;
  return ((got - wanted).abs().max() / wanted.abs().max()).item<double>();
}

double largest_error(TensorMap const& got, TensorMap const& wanted) {
  if (got.size() != wanted.size())
    throw gasm::error("{} outputs instead of {}", got.size(), wanted.size());
  double worst = 0.0;
  for (auto const& [name, tensor] : wanted) {
    double const error = relative_error(got.at(name), tensor);
    // Written so that NaN fails.
    if (!(error <= kTolerance))
      throw gasm::error("{} differs by {:.3g}", name, error);
    worst = std::max(worst, error);
  }
  return worst;
}

double check_case(fs::path const& folder) {
  gasm::RunConfig config;
  config.optim =
      gasm::parse_config(text_of(folder / "optim.json"), folder.string()).optim;
  auto const inputs = tensors_of(folder / "inputs.safetensors");
  auto const wanted = tensors_of(folder / "outputs.safetensors").tensors;
  double worst = 0.0;
  if (!inputs.tensors.contains("clips")) {
    for (auto const implementation :
         {gasm::Implementation::fused, gasm::Implementation::foreach,
          gasm::Implementation::plain}) {
      config.optim.implementation = implementation;
      worst = std::max(
          worst, largest_error(run_fusion(folder, config, inputs), wanted));
    }
    return worst;
  }
  for (auto const activations :
       {gasm::Activations::kept, gasm::Activations::recomputed})
    worst = std::max(worst, largest_error(run_recogniser(folder, config, inputs,
                                                         activations),
                                          wanted));
  return worst;
}

int run_folder(fs::path const& folder) {
  int num_cases = 0, failures = 0;
  for (auto const& entry : fs::directory_iterator(folder)) try {
      ++num_cases;
      double const worst = check_case(entry.path());
      std::printf("ok    %-20s %.2e\n", entry.path().filename().c_str(), worst);
    } catch (std::exception const& e) {
      ++failures;
      std::printf("FAIL  %-20s %s\n", entry.path().filename().c_str(),
                  e.what());
    }
  std::printf("%d cases, %d failed\n", num_cases, failures);
  return num_cases == 0 || failures > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: step_case FOLDER\n");
    return 2;
  }
  try {
    return run_folder(argv[1]);
  } catch (std::exception const& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
