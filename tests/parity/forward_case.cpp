// SPDX-License-Identifier: Apache-2.0
// forward_case FAMILY FOLDER: runs every case below FOLDER through the C++
// models and compares with the reference's outputs (make_cases.py).
#include <torch/torch.h>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/base/file.hpp"
#include "gasm/ckpt/safetensors.hpp"
#include "gasm/config/fusion_spec.hpp"
#include "gasm/config/load.hpp"
#include "gasm/models/forward.hpp"
#include "gasm/models/gasm_cast.hpp"
#include "gasm/models/i3d_resnet.hpp"
#include "gasm/models/model_summary.hpp"
#include "gasm/models/named_tensors.hpp"
#include "gasm/models/recogniser.hpp"
#include "gasm/models/run_backbone.hpp"
#include "gasm/models/timesformer.hpp"
#include "gasm/models/vit.hpp"
#include "gasm/models/weight_names.hpp"

namespace {

using gasm::TensorMap;
namespace fs = std::filesystem;

/// Allowed gap, relative to the largest value.
double tolerance(std::string const& output) {
  if (output == "macs") return 5e-3;
  return output.starts_with("grad.") ? 1e-4 : 1e-5;
}

double largest(at::Tensor const& x) { return x.abs().max().item<double>(); }

/// Largest difference relative to the largest value of `of`; integers must be
/// equal.
double relative_error(at::Tensor const& got, at::Tensor const& wanted,
                      at::Tensor const& of) {
  if (got.sizes() != wanted.sizes())
    throw gasm::error("shape {} instead of {}", gasm::shape_text(got),
                      gasm::shape_text(wanted));
  if (!wanted.is_floating_point()) return at::equal(got, wanted) ? 0.0 : 1.0;
  return largest(got - wanted) / std::max(largest(of), 1e-30);
}

struct Case {
  fs::path folder;
  std::string model;  ///< text of model.json
  TensorMap weights, inputs, outputs;
};

TensorMap read_tensors(fs::path const& path) {
  return gasm::value_or_throw(gasm::read_safetensors(path)).tensors;
}

Case read_case(fs::path const& folder) {
  return {folder, gasm::value_or_throw(gasm::read_text(folder / "model.json")),
          read_tensors(folder / "weights.safetensors"),
          read_tensors(folder / "inputs.safetensors"),
          read_tensors(folder / "outputs.safetensors")};
}

TensorMap run_vit(Case const& c) {
  auto const config = gasm::parse_model_config(c.model, c.folder.string());
  gasm::Vit model(gasm::vit_options(config.semantic));
  gasm::load_named_tensors(model,
                           gasm::rename_weights(gasm::BackboneKind::dinov3,
                                                c.weights, c.folder.string())
                               .tensors,
                           c.folder.string());
  model.eval();
  gasm::VitTokens const tokens = model.forward(c.inputs.at("images"));
  return {{"cls", tokens.cls},
          {"registers", tokens.registers},
          {"patches", tokens.patches}};
}

at::Tensor count_parameters(torch::nn::Module const& model) {
  std::int64_t total = 0;
  for (at::Tensor const& parameter : model.parameters())
    total += parameter.numel();
  return torch::tensor(total);
}

gasm::Size3 clip_size(at::Tensor const& clips) {
  return {clips.size(2), clips.size(3), clips.size(4)};
}

TensorMap run_i3d_taps(Case const& c, gasm::I3dOptions options) {
  options.num_classes = c.weights.at("blocks.6.proj.bias").size(0);
  gasm::I3dResNet model(options);
  gasm::load_named_tensors(model, c.weights, c.folder.string());
  model.eval();
  at::Tensor const clips = c.inputs.at("clips");
  gasm::I3dTaps const taps = model.forward_taps(clips);
  return {{"res2", taps.stages.at(0)},
          {"res3", taps.stages.at(1)},
          {"res4", taps.stages.at(2)},
          {"res5", taps.stages.at(3)},
          {"logits", taps.logits},
          {"macs", torch::tensor(gasm::i3d_macs(options, clip_size(clips)))},
          {"parameters", count_parameters(model)}};
}

TensorMap run_i3d(Case const& c) {
  auto const config = gasm::parse_model_config(c.model, c.folder.string());
  gasm::I3dOptions const options = gasm::i3d_options(config.motion);
  if (c.outputs.contains("logits")) return run_i3d_taps(c, options);
  gasm::I3dResNet model(options);
  gasm::load_named_tensors(model,
                           gasm::up_to_stage(c.weights, options.stages.size()),
                           c.folder.string());
  model.eval();
  at::Tensor const features = model.forward(c.inputs.at("clips"));
  int const rows = config.motion.grid[0], columns = config.motion.grid[1];
  TensorMap outputs = {
      {"features", features},
      {"tokens", gasm::pool_to_grid(features, rows, columns)},
      {"max_tokens",
       gasm::pool_to_grid(features, rows, columns, gasm::I3dPool::max)}};
  if (c.inputs.contains("pull")) {
    at::AutoGradMode const with_gradients(true);
    model.train();
    (model.forward(c.inputs.at("clips")) * c.inputs.at("pull"))
        .sum()
        .backward();
    for (auto const& parameter : model.named_parameters())
      outputs["grad." + parameter.key()] = parameter.value().grad();
  }
  return outputs;
}

gasm::BackboneConfig backbone_config(Case const& c) {
  return gasm::parse_backbone_config(c.model, c.folder.string()).value();
}

gasm::TimesformerOptions timesformer_options(Case const& c) {
  auto const backbone = backbone_config(c);
  gasm::TimesformerOptions options;
  options.width = *backbone.dim;
  options.depth = *backbone.depth;
  options.heads = *backbone.heads;
  options.ffn_width = *backbone.hidden;
  options.patch_px = *backbone.patch;
  options.image_height_px = backbone.resolution->height;
  options.image_width_px = backbone.resolution->width;
  options.num_frames = *backbone.num_frames;
  options.num_classes = *backbone.num_classes;
  return options;
}

TensorMap run_timesformer(Case const& c) {
  bool const with_gradients = c.inputs.contains("pull");
  at::AutoGradMode const mode(with_gradients);
  gasm::TimesformerOptions const options = timesformer_options(c);
  gasm::Timesformer model(options);
  gasm::load_named_tensors(
      model, gasm::resize_timesformer_embeddings(c.weights, options),
      c.folder.string());
  model.eval();
  at::Tensor const clips = c.inputs.at("clip");
  gasm::TimesformerTokens const tokens = model.forward(clips);
  TensorMap outputs = {{"cls", tokens.cls.detach()},
                       {"patches", tokens.patches.detach()},
                       {"logits", tokens.logits.detach()},
                       {"macs", torch::tensor(gasm::timesformer_macs(
                                    options, clip_size(clips)))}};
  if (c.outputs.contains("parameters"))
    outputs["parameters"] = count_parameters(model);
  if (!with_gradients) return outputs;
  (tokens.logits * c.inputs.at("pull")).sum().backward();
  for (auto const& parameter : model.named_parameters())
    if (c.outputs.contains("grad." + parameter.key()))
      outputs["grad." + parameter.key()] = parameter.value().grad();
  return outputs;
}

TensorMap run_cast(Case const& c) {
  at::AutoGradMode const with_gradients(true);
  auto const config = gasm::parse_model_config(c.model, c.folder.string());
  at::Tensor const clips = c.inputs.at("clips"), pull = c.inputs.at("pull");
  auto const model =
      gasm::build_recogniser(config, clips.size(1), pull.size(0));
  auto const source = c.folder.string();
  gasm::load_named_tensors(
      *model, gasm::rename_cast_weights(c.weights, source).tensors, source);
  model->eval();
  at::Tensor const logits = model->forward(clips.permute({0, 1, 4, 2, 3}));
  (logits * pull).sum().backward();
  gasm::PartSummary const total = gasm::describe(*model).back();
  TensorMap outputs = {{"logits", logits.detach()},
                       {"macs", torch::tensor(total.macs)},
                       {"parameters", torch::tensor(total.parameters)},
                       {"trainable", torch::tensor(total.trainable)}};
  // A gradient of what is frozen would be an output too many. Those of key
  // biases are zero but for rounding, and compared beside their matrices.
  TensorMap key_biases;
  for (auto const& parameter : model->named_parameters()) {
    at::Tensor const gradient = parameter.value().grad();
    if (!gradient.defined()) continue;
    std::string const name = "grad." + parameter.key();
    (name.ends_with(".k.bias") ? key_biases : outputs)[name] = gradient;
  }
  for (auto const& [name, gradient] : key_biases) {
    at::Tensor& matrix = outputs.at(name.substr(0, name.size() - 4) + "weight");
    matrix = at::cat({matrix, gradient.unsqueeze(1)}, 1);
  }
  return outputs;
}

/// Largest error of the gradients of sum(pull * patches). Those of `checks`
/// have the library's names, and are renamed and cut as its weights are.
double check_gradients(Case const& c, gasm::Vit& model,
                       TensorMap const& checks) {
  at::AutoGradMode const with_gradients(true);
  TensorMap theirs;
  for (auto const& [key, gradient] : checks)
    if (key.starts_with("grad.")) theirs[key.substr(5)] = gradient;
  TensorMap const wanted =
      gasm::rename_weights(backbone_config(c).kind, theirs, c.folder.string())
          .tensors;
  (model.forward(c.inputs.begin()->second).patches * checks.at("pull"))
      .sum()
      .backward();
  auto const parameters = model.named_parameters();
  if (parameters.size() != wanted.size())
    throw gasm::error("{} gradients for {} parameters", wanted.size(),
                      parameters.size());
  double worst = 0.0;
  for (auto const& parameter : parameters) {
    std::string const& key = parameter.key();
    at::Tensor const own = wanted.at(key);
    at::Tensor const found = parameter.value().grad().defined()
                                 ? parameter.value().grad()
                                 : at::zeros_like(own);
    // A key's bias moves all logits of a query alike: zero but for rounding.
    std::string const bias = "k_proj.bias";
    at::Tensor const of =
        key.ends_with(bias)
            ? wanted.at(key.substr(0, key.size() - 4) + "weight")
            : own;
    double const error = relative_error(found, own, of);
    if (!(error <= tolerance("grad.")))
      throw gasm::error("the gradient of {} differs by {:.3g}", key, error);
    worst = std::max(worst, error);
  }
  return worst;
}

/// What is no output of a command: work and gradients.
double check_vit(Case const& c, TensorMap const& checks) {
  auto const name = c.folder.string();
  auto const config = backbone_config(c);
  auto const weights = gasm::rename_weights(config.kind, c.weights, name);
  gasm::VitOptions const options = gasm::options_for(config, weights, name);
  gasm::Vit model(options);
  gasm::load_named_tensors(model, weights.tensors, name);
  model.eval();
  at::Tensor const pixels = c.inputs.begin()->second;
  double const macs = gasm::vit_macs(options, pixels.size(-2), pixels.size(-1),
                                     options.tubelet > 0 ? pixels.size(2) : 1);
  at::Tensor const wanted = checks.at("macs");
  double const error = relative_error(torch::tensor(macs), wanted, wanted);
  if (!(error <= tolerance("macs")))
    throw gasm::error("{} multiply-accumulates instead of {}", macs,
                      wanted.item<double>());
  return checks.contains("pull") ? check_gradients(c, model, checks) : 0.0;
}

TensorMap run_backbone(Case const& c) {
  auto const name = c.folder.string();
  auto const config = backbone_config(c);
  return gasm::run_backbone(config,
                            gasm::rename_weights(config.kind, c.weights, name),
                            c.inputs, name);
}

TensorMap run_fusion(Case const& c) {
  std::string const name = c.folder.string();
  gasm::FusionSpec const spec = gasm::parse_fusion_spec(c.model, name);
  at::Tensor const semantic = c.inputs.at("semantic");
  at::Tensor const motion = c.inputs.at("motion");
  TensorMap outputs = gasm::run_forward(
      spec, c.weights, {{"semantic", semantic}, {"motion", motion}}, name);
  if (c.outputs.contains("macs"))
    outputs["macs"] = torch::tensor(gasm::fusion_macs(spec));
  at::AutoGradMode const with_gradients(true);
  gasm::GasmCast model(spec);
  gasm::load_named_tensors(model, c.weights, name);
  model.eval();
  (model.forward(semantic, motion) * c.inputs.at("pull")).sum().backward();
  for (auto const& parameter : model.named_parameters())
    outputs["grad." + parameter.key()] = parameter.value().grad();
  return outputs;
}

TensorMap run_case(std::string const& family, Case const& c) {
  std::string const name = c.folder.string();
  if (family == "fusion") return run_fusion(c);
  if (family == "video")
    return gasm::run_forward(gasm::parse_model_config(c.model, name), c.weights,
                             c.inputs, name);
  if (family == "backbone") return run_backbone(c);
  if (family == "cast") return run_cast(c);
  if (family == "vit") return run_vit(c);
  if (family == "i3d") return run_i3d(c);
  if (family == "timesformer") return run_timesformer(c);
  throw gasm::usage_error("no family {}", family);
}

/// The expected tensor whose largest value an error is relative to. A bias on
/// keys, and a penalty on the distance to one visible place, move all logits
/// of a query alike: their gradient is zero but for rounding, which the
/// gradient of the same layer's weights measures.
at::Tensor yardstick(Case const& c, std::string const& name) {
  at::Tensor const own = c.outputs.at(name);
  for (std::string const leaf : {".k.bias", ".pos_gain"}) {
    if (!name.starts_with("grad.") || !name.ends_with(leaf)) continue;
    std::string const layer = name.substr(0, name.size() - leaf.size());
    at::Tensor const keys = c.outputs.at(layer + ".k.weight");
    return largest(own) < 1e-4 * largest(keys) ? keys : own;
  }
  return own;
}

double check_case(std::string const& family, Case const& c) {
  TensorMap const got = run_case(family, c);
  if (got.size() != c.outputs.size())
    throw gasm::error("{} outputs instead of {}", got.size(), c.outputs.size());
  double worst = 0.0;
  for (auto const& [name, wanted] : c.outputs) {
    auto const found = got.find(name);
    if (found == got.end()) throw gasm::error("no output {}", name);
    double const error =
        relative_error(found->second, wanted, yardstick(c, name));
    // Written so that NaN fails.
    if (!(error <= tolerance(name)))
      throw gasm::error("{} differs by {:.3g}", name, error);
    worst = std::max(worst, error);
  }
  fs::path const checks = c.folder / "checks.safetensors";
  if (fs::exists(checks))
    worst = std::max(worst, check_vit(c, read_tensors(checks)));
  return worst;
}

int run_folder(std::string const& family, fs::path const& folder) {
  std::vector<fs::path> cases;
  for (auto const& entry : fs::directory_iterator(folder))
    if (entry.is_directory()) cases.push_back(entry.path());
  std::sort(cases.begin(), cases.end());
  int failures = 0;
  double worst = 0.0;
  at::NoGradGuard const no_grad;
  for (fs::path const& path : cases) try {
      double const error = check_case(family, read_case(path));
      worst = std::max(worst, error);
      std::printf("ok    %-32s %.2e\n", path.filename().c_str(), error);
    } catch (std::exception const& e) {
      ++failures;
      std::printf("FAIL  %-32s %s\n", path.filename().c_str(), e.what());
    }
  std::printf("%zu cases, %d failed, worst relative error %.3e\n", cases.size(),
              failures, worst);
  return cases.empty() || failures > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: forward_case FAMILY FOLDER\n");
    return 2;
  }
  try {
    return run_folder(argv[1], argv[2]);
  } catch (std::exception const& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
