// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/i3d_resnet.hpp"

#include <string>
#include <tuple>

#include "gasm/base/error.hpp"
#include "gasm/models/batch_norm.hpp"
#include "gasm/models/linear.hpp"
#include "gasm/models/named_tensors.hpp"

namespace gasm {
namespace {

torch::ExpandingArray<3> expanding(Size3 const& size) {
  return torch::ExpandingArray<3>(size);
}

Size3 half(Size3 const& kernel) {
  return {kernel[0] / 2, kernel[1] / 2, kernel[2] / 2};
}

torch::nn::Conv3d make_conv(std::int64_t in, std::int64_t out,
                            Size3 const& kernel, Size3 const& stride) {
  torch::nn::Conv3d conv(torch::nn::Conv3dOptions(in, out, expanding(kernel))
                             .stride(expanding(stride))
                             .padding(expanding(half(kernel)))
                             .bias(false));
  torch::nn::init::kaiming_normal_(conv->weight, 0.0, torch::kFanOut,
                                   torch::kReLU);
  return conv;
}

std::int64_t shrink(std::int64_t size, std::int64_t kernel,
                    std::int64_t stride) {
  return (size + 2 * (kernel / 2) - kernel) / stride + 1;
}

Size3 shrink(Size3 const& size, Size3 const& kernel, Size3 const& stride) {
  return {shrink(size[0], kernel[0], stride[0]),
          shrink(size[1], kernel[1], stride[1]),
          shrink(size[2], kernel[2], stride[2])};
}

/// T', H', W' of the tap. Throws if the clips do not fit.
Size3 check_clips(I3dOptions const& options, at::Tensor const& clips) {
  if (clips.dim() != 5 || clips.size(1) != 3)
    throw error(
        "clips of shape {} for a motion backbone that needs [B, 3, T, "
        "H, W]",
        shape_text(clips));
  return i3d_output_size(options,
                         {clips.size(2), clips.size(3), clips.size(4)});
}

bool has_stem_pool(I3dOptions const& options) {
  return options.stem_pool_kernel != Size3{1, 1, 1};
}

/// conv_a, norm_a, conv_b, norm_b, conv_c, norm_c with ReLUs between.
class Bottleneck : public torch::nn::Module {
 public:
  Bottleneck(std::int64_t in, I3dStage const& stage, std::int64_t kernel,
             std::int64_t stride, I3dOptions const& options) {
    std::int64_t const inner = stage.inner;
    conv_a_ = register_module("conv_a",
                              make_conv(in, inner, {kernel, 1, 1}, {1, 1, 1}));
    norm_a_ = norm("norm_a", inner, options);
    conv_b_ = register_module(
        "conv_b", make_conv(inner, inner, {1, 3, 3}, {1, stride, stride}));
    norm_b_ = norm("norm_b", inner, options);
    conv_c_ = register_module(
        "conv_c", make_conv(inner, stage.outer, {1, 1, 1}, {1, 1, 1}));
    norm_c_ = norm("norm_c", stage.outer, options);
    torch::nn::init::constant_(norm_c_->weight, options.last_norm_gain);
  }

  at::Tensor forward(at::Tensor const& x) {
    at::Tensor y = norm_a_->forward(conv_a_(x)).relu_();
    y = norm_b_->forward(conv_b_(y)).relu_();
    return norm_c_->forward(conv_c_(y));
  }

 private:
  std::shared_ptr<BatchNorm> norm(char const* name, std::int64_t channels,
                                  I3dOptions const& options) {
    return register_module(
        name, std::make_shared<BatchNorm>(channels, options.norm_eps));
  }

  torch::nn::Conv3d conv_a_{nullptr}, conv_b_{nullptr}, conv_c_{nullptr};
  std::shared_ptr<BatchNorm> norm_a_, norm_b_, norm_c_;
};

class ResBlock : public torch::nn::Module {
 public:
  ResBlock(std::int64_t in, I3dStage const& stage, std::int64_t kernel,
           std::int64_t stride, I3dOptions const& options) {
    if (in != stage.outer || stride != 1) {
      shortcut_ = register_module(
          "branch1_conv",
          make_conv(in, stage.outer, {1, 1, 1}, {1, stride, stride}));
      shortcut_norm_ = register_module(
          "branch1_norm",
          std::make_shared<BatchNorm>(stage.outer, options.norm_eps));
    }
    branch_ = register_module(
        "branch2",
        std::make_shared<Bottleneck>(in, stage, kernel, stride, options));
  }

  at::Tensor forward(at::Tensor const& x) {
    at::Tensor const kept =
        shortcut_ ? shortcut_norm_->forward(shortcut_(x)) : x;
    return (kept + branch_->forward(x)).relu_();
  }

 private:
  torch::nn::Conv3d shortcut_{nullptr};
  std::shared_ptr<BatchNorm> shortcut_norm_;
  std::shared_ptr<Bottleneck> branch_;
};

}  // namespace

class I3dStem : public torch::nn::Module {
 public:
  explicit I3dStem(I3dOptions const& options) : options_(options) {
    conv_ = register_module(
        "conv", make_conv(3, options.stem_width, options.stem_kernel,
                          options.stem_stride));
    norm_ = register_module("norm", std::make_shared<BatchNorm>(
                                        options.stem_width, options.norm_eps));
  }

  at::Tensor forward(at::Tensor const& clips) {
    at::Tensor y = norm_->forward(conv_(clips)).relu_();
    if (!has_stem_pool(options_)) return y;
    return at::max_pool3d(y, options_.stem_pool_kernel,
                          options_.stem_pool_stride,
                          half(options_.stem_pool_kernel));
  }

 private:
  I3dOptions options_;
  torch::nn::Conv3d conv_{nullptr};
  std::shared_ptr<BatchNorm> norm_;
};

class I3dResStage : public torch::nn::Module {
 public:
  I3dResStage(std::int64_t in, I3dStage const& stage,
              I3dOptions const& options) {
    auto list = register_module("res_blocks", torch::nn::ModuleList());
    for (std::int64_t j = 0; j < stage.depth; ++j) {
      auto const& kernels = stage.temporal_kernels;
      std::int64_t const kernel =
          kernels[static_cast<std::size_t>(j) % kernels.size()];
      blocks_.push_back(std::make_shared<ResBlock>(
          j == 0 ? in : stage.outer, stage, kernel,
          j == 0 ? stage.spatial_stride : 1, options));
      list->push_back(blocks_.back());
    }
  }

  at::Tensor forward(at::Tensor x, Activations activations) {
    for (auto const& block : blocks_)
      x = run_block(
          activations, *block,
          [&block = *block](at::Tensor const& y) { return block.forward(y); },
          x);
    return x;
  }

 private:
  std::vector<std::shared_ptr<ResBlock>> blocks_;
};

class I3dHead : public torch::nn::Module {
 public:
  I3dHead(std::int64_t in, I3dOptions const& options) : options_(options) {
    proj_ = register_module("proj", Linear(in, options.num_classes));
    torch::nn::init::normal_(proj_->weight, 0.0, 0.01);
    torch::nn::init::zeros_(proj_->bias);
  }

  at::Tensor forward(at::Tensor const& x) {
    at::Tensor const pooled = at::avg_pool3d(x, options_.head_pool, {1, 1, 1});
    at::Tensor const kept =
        at::dropout(pooled, options_.head_dropout, is_training());
    return proj_(kept.permute({0, 2, 3, 4, 1})).mean({1, 2, 3});
  }

 private:
  I3dOptions options_;
  Linear proj_{nullptr};
};

I3dOptions i3d_options(MotionConfig const& config) {
  MotionConfig const sized = with_preset_sizes(config);
  auto const size3 = [](std::array<int, 3> const& a) {
    return Size3{a[0], a[1], a[2]};
  };
  I3dOptions options;
  options.stem_width = sized.stem_width;
  options.stem_kernel = size3(sized.stem_kernel);
  options.stem_stride = size3(sized.stem_stride);
  if (sized.stem_pool == StemPool::none)
    options.stem_pool_kernel = options.stem_pool_stride = {1, 1, 1};
  options.temporal_pool =
      sized.temporal_pool == TemporalPool::after_res2 ? 2 : 1;
  std::size_t const num_stages = static_cast<std::size_t>(sized.stage) + 1;
  if (sized.widths.size() < num_stages ||
      sized.inner_widths.size() < num_stages ||
      sized.depths.size() < num_stages ||
      sized.temporal_kernels.size() < num_stages)
    throw usage_error(
        "model.motion.stage is res{}, but widths, inner_widths, depths or "
        "temporal_kernels have fewer than {} entries",
        num_stages + 1, num_stages);
  options.stages.clear();
  for (std::size_t i = 0; i < num_stages; ++i) {
    I3dStage stage;
    stage.depth = sized.depths[i];
    stage.inner = sized.inner_widths[i];
    stage.outer = sized.widths[i];
    stage.spatial_stride = i == 0 ? 1 : 2;
    stage.temporal_kernels.assign(sized.temporal_kernels[i].begin(),
                                  sized.temporal_kernels[i].end());
    options.stages.push_back(stage);
  }
  return options;
}

I3dResNet::I3dResNet(I3dOptions const& options) : options_(options) {
  auto blocks = register_module("blocks", torch::nn::ModuleList());
  stem_ = std::make_shared<I3dStem>(options);
  blocks->push_back(stem_);
  std::int64_t width = options.stem_width;
  for (std::size_t i = 0; i < options.stages.size(); ++i) {
    // The temporal pool has a place of its own in published names.
    if (i == 1) blocks->push_back(std::make_shared<torch::nn::Module>());
    stages_.push_back(
        std::make_shared<I3dResStage>(width, options.stages[i], options));
    blocks->push_back(stages_.back());
    width = options.stages[i].outer;
  }
  if (options.num_classes > 0) {
    head_ = std::make_shared<I3dHead>(width, options);
    blocks->push_back(head_);
  }
}

at::Tensor I3dResNet::pool_time(at::Tensor const& x) const {
  std::int64_t const k = options_.temporal_pool;
  return k == 1 ? x : at::max_pool3d(x, {k, 1, 1}, {k, 1, 1});
}

at::Tensor I3dResNet::run_stage(std::size_t i, at::Tensor const& x) {
  return stages_[i]->forward(i == 1 ? pool_time(x) : x, activations_);
}

at::Tensor I3dResNet::forward(at::Tensor const& clips) {
  check_clips(options_, clips);
  at::Tensor x = stem_->forward(clips);
  for (std::size_t i = 0; i < stages_.size(); ++i) x = run_stage(i, x);
  return x;
}

I3dTaps I3dResNet::forward_taps(at::Tensor const& clips) {
  Size3 const tap = check_clips(options_, clips);
  if (head_) i3d_head_size(options_, tap);
  I3dTaps taps;
  at::Tensor x = stem_->forward(clips);
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    x = run_stage(i, x);
    taps.stages.push_back(x);
  }
  if (head_) taps.logits = head_->forward(x);
  return taps;
}

I3dSizes i3d_sizes(I3dOptions const& options, Size3 const& clip) {
  I3dSizes sizes;
  sizes.stem = shrink(clip, options.stem_kernel, options.stem_stride);
  Size3 size = sizes.stem;
  if (has_stem_pool(options))
    size = shrink(size, options.stem_pool_kernel, options.stem_pool_stride);
  sizes.stem_pool = size;
  for (std::size_t i = 0; i < options.stages.size(); ++i) {
    if (i == 1) size[0] /= options.temporal_pool;
    std::int64_t const s = options.stages[i].spatial_stride;
    size = shrink(size, {1, 3, 3}, {1, s, s});
    sizes.stages.push_back(size);
  }
  if (size[0] < 1 || size[1] < 1 || size[2] < 1)
    throw usage_error(
        "clips of {} frames of {} x {} pixels are too small for the motion "
        "backbone (nothing is left after its strides)",
        clip[0], clip[1], clip[2]);
  return sizes;
}

Size3 i3d_output_size(I3dOptions const& options, Size3 const& clip) {
  auto const sizes = i3d_sizes(options, clip);
  return sizes.stages.empty() ? sizes.stem_pool : sizes.stages.back();
}

Size3 i3d_head_size(I3dOptions const& options, Size3 const& tap) {
  Size3 const& pool = options.head_pool;
  Size3 const size = {tap[0] - pool[0] + 1, tap[1] - pool[1] + 1,
                      tap[2] - pool[2] + 1};
  if (size[0] < 1 || size[1] < 1 || size[2] < 1)
    throw usage_error(
        "{} x {} x {} (time, height, width) reach the motion backbone's "
        "head, which averages {} x {} x {}. Try longer or larger clips, or "
        "no head",
        tap[0], tap[1], tap[2], pool[0], pool[1], pool[2]);
  return size;
}

at::Tensor pool_to_grid(at::Tensor const& features, std::int64_t rows,
                        std::int64_t columns, I3dPool pool) {
  if (pool == I3dPool::avg && rows == 1 && columns == 1)
    return features.mean({3, 4}).transpose(1, 2).unsqueeze(2);
  at::Tensor const maps = features.flatten(1, 2);
  at::Tensor const pooled =
      pool == I3dPool::avg
          ? at::adaptive_avg_pool2d(maps, {rows, columns})
          : std::get<0>(at::adaptive_max_pool2d(maps, {rows, columns}));
  return pooled.flatten(2)
      .view({features.size(0), features.size(1), features.size(2),
             rows * columns})
      .permute({0, 2, 3, 1});
}

}  // namespace gasm
