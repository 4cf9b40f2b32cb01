// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/timesformer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/models/model_summary.hpp"
#include "gasm/models/named_tensors.hpp"

namespace gasm {
namespace {

TimesformerOptions tiny() {
  TimesformerOptions options;
  options.width = 8;
  options.depth = 2;
  options.heads = 2;
  options.ffn_width = 12;
  options.patch_px = 4;
  options.image_height_px = 8;
  options.image_width_px = 12;
  options.num_frames = 3;
  options.num_classes = 5;
  return options;
}

/// Moves what starts at a constant, so that nothing is left untested.
void redraw(Timesformer& model) {
  at::NoGradGuard const no_grad;
  for (auto& parameter : model.named_parameters()) {
    at::Tensor& value = parameter.value();
    bool const gain = value.dim() == 1 && parameter.key().ends_with(".weight");
    value.copy_(0.3 * at::randn_like(value) + (gain ? 1.0 : 0.0));
  }
}

// ---- the same model in double-precision loops
// --------------------------------

using Row = std::vector<double>;
using Rows = std::vector<Row>;

/// Named tensors as rows of their last dimension.
class Weights {
 public:
  explicit Weights(Timesformer const& model) {
    for (auto const& [name, tensor] : named_tensors(model))
      tensors_[name] = tensor.detach().to(at::kDouble).contiguous();
  }
  Rows rows(std::string const& name) const {
    at::Tensor const& t = tensors_.at(name);
    std::int64_t const first = t.size(0);
    at::Tensor const flat = t.dim() == 4   ? t.view({first, -1})
                            : t.dim() == 1 ? t.view({1, -1})
                                           : t.view({-1, t.size(-1)});
    Rows result;
    for (std::int64_t i = 0; i < flat.size(0); ++i) {
      double const* const data = flat[i].data_ptr<double>();
      result.emplace_back(data, data + flat.size(1));
    }
    return result;
  }
  Row row(std::string const& name) const { return rows(name).front(); }

 private:
  TensorMap tensors_;
};

Row add(Row const& a, Row const& b) {
  Row sum(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) sum[i] = a[i] + b[i];
  return sum;
}

Row linear(Weights const& w, std::string const& name, Row const& x) {
  Rows const matrix = w.rows(name + ".weight");
  Row y = w.row(name + ".bias");
  for (std::size_t o = 0; o < y.size(); ++o)
    for (std::size_t i = 0; i < x.size(); ++i) y[o] += matrix[o][i] * x[i];
  return y;
}

Row norm(Weights const& w, std::string const& name, Row const& x) {
  double mean = 0.0, variance = 0.0;
  for (double const v : x) mean += v / static_cast<double>(x.size());
  for (double const v : x)
    variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
  Row const gain = w.row(name + ".weight"), shift = w.row(name + ".bias");
  Row y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    y[i] = (x[i] - mean) / std::sqrt(variance + 1e-6) * gain[i] + shift[i];
  return y;
}

/// Every row of x attends all rows of x, in two heads.
Rows attend(Weights const& w, std::string const& name, Rows const& x) {
  std::size_t const d = x.front().size(), head = d / 2;
  Rows qkv, result;
  for (Row const& row : x)
    qkv.push_back(linear(w, name + ".attention.qkv", row));
  for (std::size_t i = 0; i < x.size(); ++i) {
    Row mixed(d, 0.0);
    for (std::size_t h = 0; h < 2; ++h) {
      Row weight(x.size());
      double total = 0.0;
      for (std::size_t j = 0; j < x.size(); ++j) {
        double product = 0.0;
        for (std::size_t c = h * head; c < (h + 1) * head; ++c)
          product += qkv[i][c] * qkv[j][d + c];
        weight[j] = std::exp(product / std::sqrt(static_cast<double>(head)));
        total += weight[j];
      }
      for (std::size_t j = 0; j < x.size(); ++j)
        for (std::size_t c = h * head; c < (h + 1) * head; ++c)
          mixed[c] += weight[j] / total * qkv[j][2 * d + c];
    }
    result.push_back(linear(w, name + ".output.dense", mixed));
  }
  return result;
}

Row feed(Weights const& w, std::string const& block, Row const& x) {
  Row hidden = linear(w, block + ".intermediate.dense",
                      norm(w, block + ".layernorm_after", x));
  for (double& v : hidden) v = 0.5 * v * (1.0 + std::erf(v / std::sqrt(2.0)));
  return add(x, linear(w, block + ".output.dense", hidden));
}

/// One clip: CLS, and tokens[place][frame].
struct Tokens {
  Row cls;
  std::vector<Rows> at;
};

void run_block(Weights const& w, std::string const& block, Tokens& x) {
  std::size_t const frames = x.at.front().size();
  for (Rows& track : x.at) {
    Rows normed;
    for (Row const& row : track)
      normed.push_back(norm(w, block + ".temporal_layernorm", row));
    Rows const mixed = attend(w, block + ".temporal_attention", normed);
    for (std::size_t t = 0; t < frames; ++t)
      track[t] = add(track[t], linear(w, block + ".temporal_dense", mixed[t]));
  }
  Row cls = x.cls;
  for (std::size_t t = 0; t < frames; ++t) {
    Rows image = {norm(w, block + ".layernorm_before", x.cls)};
    for (Rows const& track : x.at)
      image.push_back(norm(w, block + ".layernorm_before", track[t]));
    Rows const mixed = attend(w, block + ".attention", image);
    for (std::size_t i = 0; i < cls.size(); ++i)
      cls[i] += mixed[0][i] / static_cast<double>(frames);
    for (std::size_t p = 0; p < x.at.size(); ++p)
      x.at[p][t] = add(x.at[p][t], mixed[1 + p]);
  }
  x.cls = feed(w, block, cls);
  for (Rows& track : x.at)
    for (Row& row : track) row = feed(w, block, row);
}

/// clip [3, T, H, W] of a model of tiny() sizes and any embeddings: stored
/// rows and columns, and frames.
Tokens run_loops(Weights const& w, at::Tensor const& clip,
                 TimesformerOptions const& options) {
  std::int64_t const p = options.patch_px;
  std::int64_t const stored_rows = options.image_height_px / p;
  std::int64_t const stored_columns = options.image_width_px / p;
  std::int64_t const frames = clip.size(1);
  std::int64_t const rows = clip.size(2) / p, columns = clip.size(3) / p;
  Rows const places = w.rows("embeddings.position_embeddings");
  Rows const times = w.rows("embeddings.time_embeddings");
  std::string const patch = "embeddings.patch_embeddings.projection";
  Tokens x;
  x.cls = add(w.row("embeddings.cls_token"), places[0]);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) {
      auto const place =
          static_cast<std::size_t>(1 + r * stored_rows / rows * stored_columns +
                                   c * stored_columns / columns);
      Rows track;
      for (std::int64_t t = 0; t < frames; ++t) {
        at::Tensor const pixels = clip.select(1, t)
                                      .narrow(1, r * p, p)
                                      .narrow(2, c * p, p)
                                      .to(at::kDouble)
                                      .contiguous();
        double const* const data = pixels.data_ptr<double>();
        auto const time =
            static_cast<std::size_t>(t * options.num_frames / frames);
        track.push_back(
            add(add(linear(w, patch, Row(data, data + pixels.numel())),
                    places[place]),
                times[time]));
      }
      x.at.push_back(track);
    }
  for (std::int64_t i = 0; i < options.depth; ++i)
    run_block(w, "encoder.layer." + std::to_string(i), x);
  x.cls = norm(w, "layernorm", x.cls);
  for (Rows& track : x.at)
    for (Row& row : track) row = norm(w, "layernorm", row);
  return x;
}

double largest_gap(at::Tensor const& got, Row const& wanted) {
  double gap = 0.0;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    gap = std::max(
        gap,
        std::abs(got[static_cast<std::int64_t>(i)].item<double>() - wanted[i]));
  return gap;
}

void expect_equals_loops(Timesformer& model, at::Tensor const& clips) {
  model.eval();
  TimesformerTokens const tokens = model.forward(clips);
  Weights const weights(model);
  for (std::int64_t b = 0; b < clips.size(0); ++b) {
    Tokens const wanted = run_loops(weights, clips[b], model.options());
    EXPECT_LT(largest_gap(tokens.cls[b], wanted.cls), 2e-5);
    EXPECT_LT(largest_gap(tokens.logits[b],
                          linear(weights, "classifier", wanted.cls)),
              2e-5);
    std::size_t const frames = wanted.at.front().size();
    ASSERT_EQ(tokens.patches.size(1), std::int64_t(wanted.at.size() * frames));
    for (std::size_t p = 0; p < wanted.at.size(); ++p)
      for (std::size_t t = 0; t < frames; ++t)
        EXPECT_LT(largest_gap(tokens.patches[b][std::int64_t(p * frames + t)],
                              wanted.at[p][t]),
                  2e-5)
            << "place " << p << " frame " << t;
  }
}

TEST(Timesformer, IsItsBlocksWrittenAsLoops) {
  torch::manual_seed(1);
  Timesformer model(tiny());
  redraw(model);
  expect_equals_loops(model, torch::randn({2, 3, 3, 8, 12}));
}

TEST(Timesformer, TakesTheNearestPlaceAndTimeForOtherSizes) {
  torch::manual_seed(2);
  Timesformer model(tiny());
  redraw(model);
  expect_equals_loops(model, torch::randn({1, 3, 5, 16, 8}));
  expect_equals_loops(model, torch::randn({1, 3, 1, 4, 20}));
  expect_equals_loops(model, torch::randn({1, 3, 2, 12, 8}));
}

TEST(Timesformer, CutsTheImageToWholePatches) {
  torch::manual_seed(3);
  Timesformer model(tiny());
  redraw(model);
  at::Tensor const clips = torch::randn({1, 3, 3, 11, 15});
  at::Tensor const cut =
      model.forward(clips.narrow(3, 0, 8).narrow(4, 0, 12)).logits;
  EXPECT_TRUE(at::allclose(model.forward(clips).logits, cut, 1e-5, 1e-6));
}

TEST(Timesformer, BeginsBlindToTheOrderOfFrames) {
  torch::manual_seed(4);
  Timesformer model(tiny());
  at::Tensor const clips = torch::randn({1, 3, 3, 8, 12});
  TimesformerTokens const there = model.forward(clips);
  TimesformerTokens const back = model.forward(clips.flip(2));
  EXPECT_TRUE(at::allclose(there.cls, back.cls, 1e-5, 1e-6));
  redraw(model);
  EXPECT_FALSE(at::allclose(model.forward(clips).cls,
                            model.forward(clips.flip(2)).cls, 1e-3, 1e-3));
}

TEST(Timesformer, ZeroTemporalDenseMakesTimeTheIdentity) {
  torch::manual_seed(5);
  Timesformer model(tiny());
  redraw(model);
  at::Tensor const clips = torch::randn({1, 3, 3, 8, 12});
  auto const set = [&](std::string const& part, double value) {
    at::NoGradGuard const no_grad;
    for (auto& parameter : model.named_parameters())
      if (parameter.key().find(part) != std::string::npos)
        parameter.value().fill_(value);
  };
  set("temporal_dense", 0.0);
  at::Tensor const before = model.forward(clips).patches;
  set("temporal_attention", 0.7);
  EXPECT_TRUE(at::equal(model.forward(clips).patches, before));
}

TEST(Timesformer, StartsAsPublished) {
  torch::manual_seed(6);
  TimesformerOptions options = tiny();
  options.width = 128;
  options.depth = 1;
  Timesformer const model(options);
  for (auto const& [name, tensor] : named_tensors(model)) {
    double const largest = tensor.abs().max().item<double>();
    bool const matrix = name.ends_with("qkv.weight") ||
                        name.ends_with("intermediate.dense.weight");
    if (matrix || name == "embeddings.position_embeddings") {
      EXPECT_NEAR(tensor.std().item<double>(), 0.02, 0.002) << name;
    }
    if (name.find("projection") != std::string::npos) {
      EXPECT_LE(largest, 1.0 / std::sqrt(48.0)) << name;
    } else if (name.ends_with(".bias")) {
      EXPECT_EQ(largest, 0.0) << name;
    }
    if (name.find("temporal_dense") != std::string::npos ||
        name.find("time_embeddings") != std::string::npos) {
      EXPECT_EQ(largest, 0.0) << name;
    }
  }
}

TEST(Timesformer, GradientReachesEveryParameter) {
  torch::manual_seed(7);
  Timesformer model(tiny());
  redraw(model);
  at::Tensor const clips = torch::randn({2, 3, 3, 8, 12});
  (model.forward(clips).logits * torch::randn({5})).sum().backward();
  for (auto const& parameter : model.named_parameters()) {
    ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
    EXPECT_GT(parameter.value().grad().abs().max().item<float>(), 0.0F)
        << parameter.key();
  }
}

TEST(Timesformer, DropPathGrowsWithDepthAndRestsInEvaluation) {
  torch::manual_seed(8);
  TimesformerOptions options = tiny();
  options.drop_path = 1.0 - 1e-9;  // the last block always drops
  Timesformer model(options);
  redraw(model);
  at::Tensor const clips = torch::randn({1, 3, 3, 8, 12});
  model.train();
  at::Tensor const dropped = model.forward(clips).cls;
  {
    // A block that drops all of its branches still has temporal_dense's bias,
    // which CLS never sees: the last block's other weights do not matter.
    at::NoGradGuard const no_grad;
    for (auto& parameter : model.named_parameters())
      if (parameter.key().starts_with("encoder.layer.1."))
        parameter.value().normal_();
  }
  EXPECT_TRUE(at::equal(model.forward(clips).cls, dropped));
  model.eval();
  EXPECT_FALSE(at::allclose(model.forward(clips).cls, dropped, 1e-3, 1e-3));
}

TEST(Timesformer, RunsInBfloat16) {
  torch::manual_seed(10);
  Timesformer model(tiny());
  redraw(model);
  at::Tensor const clips = torch::randn({2, 3, 3, 8, 12});
  at::Tensor const exact = model.forward(clips).patches.detach();
  model.to(at::kBFloat16);
  at::Tensor const rounded = model.forward(clips.to(at::kBFloat16)).patches;
  EXPECT_EQ(rounded.scalar_type(), at::kBFloat16);
  // Tokens are normed: their size is 1, and bfloat16 has 8 bits.
  EXPECT_LT((rounded.to(at::kFloat) - exact).abs().mean().item<double>(), 0.02);
}

TEST(Timesformer, NeedsNoClassifier) {
  TimesformerOptions options = tiny();
  options.num_classes = 0;
  Timesformer model(options);
  TimesformerTokens const tokens =
      model.forward(torch::randn({2, 3, 3, 8, 12}));
  EXPECT_FALSE(tokens.logits.defined());
  EXPECT_EQ(tokens.cls.sizes(), (std::vector<std::int64_t>{2, 8}));
  EXPECT_EQ(tokens.patches.sizes(), (std::vector<std::int64_t>{2, 18, 8}));
}

TEST(Timesformer, RefusesWhatDoesNotFit) {
  TimesformerOptions options = tiny();
  options.heads = 3;
  EXPECT_THROW(Timesformer{options}, Error);
  options = tiny();
  options.image_height_px = 3;
  EXPECT_THROW(Timesformer{options}, Error);
  options = tiny();
  options.num_frames = 0;
  EXPECT_THROW(Timesformer{options}, Error);
  Timesformer model(tiny());
  for (std::vector<std::int64_t> const& shape :
       {std::vector<std::int64_t>{1, 3, 8, 12},
        {1, 2, 3, 8, 12},
        {1, 3, 3, 3, 12},
        {1, 3, 0, 8, 12}})
    EXPECT_THROW(model.forward(torch::zeros(shape)), Error);
}

TEST(ResizeTimesformerEmbeddings, LoadsWhatForwardWouldTake) {
  torch::manual_seed(9);
  TimesformerOptions options = tiny();
  options.image_height_px = options.image_width_px = 12;
  Timesformer stored(options);
  redraw(stored);
  TensorMap tensors;
  for (auto const& [name, tensor] : named_tensors(stored))
    tensors[name] = tensor.detach();
  options.image_height_px = 8;
  options.image_width_px = 20;
  options.num_frames = 5;
  Timesformer wanted(options);
  EXPECT_THROW(load_named_tensors(wanted, tensors, "file"), Error);
  load_named_tensors(wanted, resize_timesformer_embeddings(tensors, options),
                     "file");
  at::Tensor const clips = torch::randn({1, 3, 5, 8, 20});
  EXPECT_TRUE(
      at::equal(wanted.forward(clips).logits, stored.forward(clips).logits));
}

TEST(ResizeTimesformerEmbeddings, RefusesPositionsOfNoSquare) {
  TensorMap const tensors = {
      {"embeddings.position_embeddings", torch::zeros({1, 1 + 5, 8})}};
  try {
    resize_timesformer_embeddings(tensors, tiny());
    FAIL();
  } catch (Error const& e) {
    EXPECT_NE(std::string(e.what()).find("5 patch positions"),
              std::string::npos)
        << e.what();
  }
}

TEST(ResizeTimesformerEmbeddings, KeepsPositionsOfTheModelsOwnNumber) {
  TensorMap const tensors = {
      {"embeddings.position_embeddings", torch::randn({1, 1 + 6, 8})},
      {"embeddings.time_embeddings", torch::randn({1, 3, 8})},
      {"other", torch::randn({2})}};
  TensorMap const kept = resize_timesformer_embeddings(tensors, tiny());
  ASSERT_EQ(kept.size(), tensors.size());
  for (auto const& [name, tensor] : tensors)
    EXPECT_TRUE(at::equal(kept.at(name), tensor)) << name;
}

TEST(Timesformer, SizesAreThePublishedOnes) {
  struct Published {
    std::int64_t frames, image_px, parameters;
    double gmacs;
  };
  // 174 classes: the base model, HR and L.
  for (Published const& p : {Published{8, 224, 121'392'558, 196},
                             Published{16, 448, 121'850'286, 1703},
                             Published{64, 224, 121'435'566, 1579}}) {
    TimesformerOptions options;
    options.num_frames = p.frames;
    options.image_height_px = options.image_width_px = p.image_px;
    Timesformer const model(options);
    std::int64_t total = 0;
    for (auto const& parameter : model.parameters()) total += parameter.numel();
    EXPECT_EQ(total, p.parameters);
    EXPECT_NEAR(
        timesformer_macs(options, {p.frames, p.image_px, p.image_px}) * 1e-9,
        p.gmacs, 0.005 * p.gmacs);
  }
}

}  // namespace
}  // namespace gasm
