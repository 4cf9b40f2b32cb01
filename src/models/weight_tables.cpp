// SPDX-License-Identifier: Apache-2.0
#include "weight_tables.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace gasm {
namespace {

using enum NameChange;

// The libraries' own sources and published files, read in 2026: transformers
// (modeling and conversion of each family), dinov2 and dinov3 (hub), CLIP,
// VideoMAE, V-JEPA 2, pytorchvideo, SlowFast, timm (eva.py).

std::vector<WeightNaming> const& dinov3() {
  static std::vector<WeightNaming> const namings = {
      {"transformers DINOv3",
       WeightOrigin::transformers,
       "layer.#.attention.q_proj.weight",
       {"model.", "backbone.", "dinov3_vit."},
       {{"embeddings.mask_token", "", drop},
        {"rope_embeddings.inv_freq", "", drop}}},
      {"timm DINOv3",
       WeightOrigin::timm,
       "blocks.#.gamma_1",
       {"model.", "backbone."},
       {{"cls_token", "embeddings.cls_token"},
        {"reg_token", "embeddings.register_tokens"},
        {"mask_token", "", drop},
        {"rope.periods", "", drop},
        {"patch_embed.proj.@", "embeddings.patch_embeddings.@"},
        {"blocks.#.attn.qkv.weight", "layer.#.attention.{}_proj.weight", qkv},
        {"blocks.#.attn.q_bias", "layer.#.attention.q_proj.bias"},
        {"blocks.#.attn.v_bias", "layer.#.attention.v_proj.bias"},
        {"blocks.#.attn.proj.@", "layer.#.attention.o_proj.@"},
        {"blocks.#.gamma_1", "layer.#.layer_scale1.lambda1"},
        {"blocks.#.gamma_2", "layer.#.layer_scale2.lambda1"},
        {"blocks.#.mlp.fc1_g.@", "layer.#.mlp.gate_proj.@"},
        {"blocks.#.mlp.fc1_x.@", "layer.#.mlp.up_proj.@"},
        {"blocks.#.mlp.fc1.@", "layer.#.mlp.up_proj.@"},
        {"blocks.#.mlp.fc2.@", "layer.#.mlp.down_proj.@"},
        {"blocks.#.@", "layer.#.@"},
        {"head.@", "", drop}},
       /*has_implied_biases=*/true},
      {"DINOv3 (Meta)",
       WeightOrigin::hub,
       "blocks.#.attn.qkv.weight",
       {"model.", "module.", "backbone."},
       {{"cls_token", "embeddings.cls_token"},
        {"storage_tokens", "embeddings.register_tokens"},
        {"mask_token", "", drop},
        {"rope_embed.periods", "", drop},
        {"local_cls_norm.@", "", drop},
        {"patch_embed.proj.@", "embeddings.patch_embeddings.@"},
        {"blocks.#.attn.qkv.bias_mask", "", check_nan},
        {"blocks.#.attn.qkv.weight", "layer.#.attention.{}_proj.weight", qkv},
        {"blocks.#.attn.qkv.bias", "layer.#.attention.{}_proj.bias", qv},
        {"blocks.#.attn.proj.@", "layer.#.attention.o_proj.@"},
        {"blocks.#.ls1.gamma", "layer.#.layer_scale1.lambda1"},
        {"blocks.#.ls2.gamma", "layer.#.layer_scale2.lambda1"},
        {"blocks.#.mlp.w1.@", "layer.#.mlp.gate_proj.@"},
        {"blocks.#.mlp.w2.@", "layer.#.mlp.up_proj.@"},
        {"blocks.#.mlp.w3.@", "layer.#.mlp.down_proj.@"},
        {"blocks.#.mlp.fc1.@", "layer.#.mlp.up_proj.@"},
        {"blocks.#.mlp.fc2.@", "layer.#.mlp.down_proj.@"},
        {"blocks.#.@", "layer.#.@"}},
       /*has_implied_biases=*/true}};
  return namings;
}

std::vector<WeightNaming> const& dinov2() {
  static std::vector<WeightNaming> const namings = {
      {"transformers DINOv2",
       WeightOrigin::transformers,
       "encoder.layer.#.mlp.fc1.weight",
       {"dinov2.", "dinov2_with_registers."},
       {{"embeddings.mask_token", "", drop},
        {"embeddings.patch_embeddings.projection.@",
         "embeddings.patch_embeddings.@"},
        {"encoder.layer.#.attention.attention.query.@",
         "layer.#.attention.q_proj.@"},
        {"encoder.layer.#.attention.attention.key.@",
         "layer.#.attention.k_proj.@"},
        {"encoder.layer.#.attention.attention.value.@",
         "layer.#.attention.v_proj.@"},
        {"encoder.layer.#.attention.output.dense.@",
         "layer.#.attention.o_proj.@"},
        {"encoder.layer.#.mlp.fc1.@", "layer.#.mlp.up_proj.@"},
        {"encoder.layer.#.mlp.fc2.@", "layer.#.mlp.down_proj.@"},
        {"encoder.layer.#.@", "layer.#.@"},
        {"layernorm.@", "norm.@"},
        {"classifier.@", "", drop}}},
      {"gasm", WeightOrigin::gasm, "layer.#.attention.q_proj.weight", {}, {}},
      {"DINOv2 (Meta)",
       WeightOrigin::hub,
       "blocks.#.ls1.gamma",
       {"model.", "module.", "backbone."},
       {{"cls_token", "embeddings.cls_token"},
        {"register_tokens", "embeddings.register_tokens"},
        {"pos_embed", "embeddings.position_embeddings"},
        {"mask_token", "", drop},
        {"patch_embed.proj.@", "embeddings.patch_embeddings.@"},
        {"blocks.#.attn.qkv.@", "layer.#.attention.{}_proj.@", qkv},
        {"blocks.#.attn.proj.@", "layer.#.attention.o_proj.@"},
        {"blocks.#.ls1.gamma", "layer.#.layer_scale1.lambda1"},
        {"blocks.#.ls2.gamma", "layer.#.layer_scale2.lambda1"},
        {"blocks.#.mlp.fc1.@", "layer.#.mlp.up_proj.@"},
        {"blocks.#.mlp.fc2.@", "layer.#.mlp.down_proj.@"},
        {"blocks.#.@", "layer.#.@"}}}};
  return namings;
}

std::vector<WeightNaming> const& clip() {
  static std::vector<WeightNaming> const namings = {
      {"transformers CLIP",
       WeightOrigin::transformers,
       "encoder.layers.#.self_attn.q_proj.weight",
       {"vision_model."},
       {{"text_model.@", "", drop},
        {"text_projection.@", "", drop},
        {"visual_projection.@", "", drop},
        {"logit_scale", "", drop},
        {"embeddings.position_ids", "", drop},
        {"embeddings.class_embedding", "embeddings.cls_token", as_table},
        {"embeddings.patch_embedding.@", "embeddings.patch_embeddings.@"},
        {"embeddings.position_embedding.weight",
         "embeddings.position_embeddings", as_table},
        {"pre_layrnorm.@", "input_norm.@"},
        {"encoder.layers.#.self_attn.out_proj.@", "layer.#.attention.o_proj.@"},
        {"encoder.layers.#.self_attn.@", "layer.#.attention.@"},
        {"encoder.layers.#.layer_norm1.@", "layer.#.norm1.@"},
        {"encoder.layers.#.layer_norm2.@", "layer.#.norm2.@"},
        {"encoder.layers.#.mlp.fc1.@", "layer.#.mlp.up_proj.@"},
        {"encoder.layers.#.mlp.fc2.@", "layer.#.mlp.down_proj.@"},
        {"post_layernorm.@", "norm.@"}}},
      {"gasm", WeightOrigin::gasm, "layer.#.attention.q_proj.weight", {}, {}},
      {"CLIP (OpenAI)",
       WeightOrigin::hub,
       "visual.transformer.resblocks.#.attn.in_proj_weight",
       {},
       {{"visual.class_embedding", "embeddings.cls_token", as_table},
        {"visual.positional_embedding", "embeddings.position_embeddings",
         as_table},
        {"visual.conv1.@", "embeddings.patch_embeddings.@"},
        {"visual.ln_pre.@", "input_norm.@"},
        {"visual.ln_post.@", "norm.@"},
        {"visual.proj", "", drop},
        {"visual.transformer.resblocks.#.attn.in_proj_weight",
         "layer.#.attention.{}_proj.weight", qkv},
        {"visual.transformer.resblocks.#.attn.in_proj_bias",
         "layer.#.attention.{}_proj.bias", qkv},
        {"visual.transformer.resblocks.#.attn.out_proj.@",
         "layer.#.attention.o_proj.@"},
        {"visual.transformer.resblocks.#.ln_1.@", "layer.#.norm1.@"},
        {"visual.transformer.resblocks.#.ln_2.@", "layer.#.norm2.@"},
        {"visual.transformer.resblocks.#.mlp.c_fc.@", "layer.#.mlp.up_proj.@"},
        {"visual.transformer.resblocks.#.mlp.c_proj.@",
         "layer.#.mlp.down_proj.@"},
        {"transformer.@", "", drop},
        {"token_embedding.@", "", drop},
        {"positional_embedding", "", drop},
        {"ln_final.@", "", drop},
        {"text_projection", "", drop},
        {"logit_scale", "", drop},
        {"input_resolution", "", drop},
        {"context_length", "", drop},
        {"vocab_size", "", drop}}}};
  return namings;
}

std::vector<WeightNaming> const& videomae() {
  static std::vector<WeightNaming> const namings = {
      {"transformers VideoMAE",
       WeightOrigin::transformers,
       "encoder.layer.#.intermediate.dense.weight",
       {"videomae."},
       {{"embeddings.patch_embeddings.projection.@",
         "embeddings.patch_embeddings.@"},
        {"encoder.layer.#.attention.attention.q_bias",
         "layer.#.attention.q_proj.bias"},
        {"encoder.layer.#.attention.attention.v_bias",
         "layer.#.attention.v_proj.bias"},
        {"encoder.layer.#.attention.attention.query.@",
         "layer.#.attention.q_proj.@"},
        {"encoder.layer.#.attention.attention.key.@",
         "layer.#.attention.k_proj.@"},
        {"encoder.layer.#.attention.attention.value.@",
         "layer.#.attention.v_proj.@"},
        {"encoder.layer.#.attention.output.dense.@",
         "layer.#.attention.o_proj.@"},
        {"encoder.layer.#.intermediate.dense.@", "layer.#.mlp.up_proj.@"},
        {"encoder.layer.#.output.dense.@", "layer.#.mlp.down_proj.@"},
        {"encoder.layer.#.layernorm_before.@", "layer.#.norm1.@"},
        {"encoder.layer.#.layernorm_after.@", "layer.#.norm2.@"},
        {"layernorm.@", "norm.@"},
        {"fc_norm.@", "", drop},
        {"classifier.@", "", drop},
        {"decoder.@", "", drop},
        {"encoder_to_decoder.@", "", drop},
        {"mask_token", "", drop},
        {"position_embeddings", "", drop}}},
      {"gasm", WeightOrigin::gasm, "layer.#.attention.q_proj.weight", {}, {}},
      {"VideoMAE (authors)",
       WeightOrigin::hub,
       "blocks.#.attn.qkv.weight",
       {"module.", "encoder.", "backbone."},
       {{"patch_embed.proj.@", "embeddings.patch_embeddings.@"},
        {"blocks.#.attn.qkv.weight", "layer.#.attention.{}_proj.weight", qkv},
        {"blocks.#.attn.q_bias", "layer.#.attention.q_proj.bias"},
        {"blocks.#.attn.v_bias", "layer.#.attention.v_proj.bias"},
        {"blocks.#.attn.proj.@", "layer.#.attention.o_proj.@"},
        {"blocks.#.mlp.fc1.@", "layer.#.mlp.up_proj.@"},
        {"blocks.#.mlp.fc2.@", "layer.#.mlp.down_proj.@"},
        {"blocks.#.@", "layer.#.@"},
        {"norm.@", "norm.@"},
        {"fc_norm.@", "", drop},
        {"head.@", "", drop},
        {"decoder.@", "", drop},
        {"encoder_to_decoder.@", "", drop},
        {"mask_token", "", drop}}}};
  return namings;
}

std::vector<WeightNaming> const& vjepa2() {
  static std::vector<WeightNaming> const namings = {
      {"transformers V-JEPA 2",
       WeightOrigin::transformers,
       "layer.#.attention.query.weight",
       {"vjepa2.", "encoder."},
       {{"embeddings.patch_embeddings.proj.@", "embeddings.patch_embeddings.@"},
        {"layer.#.attention.query.@", "layer.#.attention.q_proj.@"},
        {"layer.#.attention.key.@", "layer.#.attention.k_proj.@"},
        {"layer.#.attention.value.@", "layer.#.attention.v_proj.@"},
        {"layer.#.attention.proj.@", "layer.#.attention.o_proj.@"},
        {"layer.#.mlp.fc1.@", "layer.#.mlp.up_proj.@"},
        {"layer.#.mlp.fc2.@", "layer.#.mlp.down_proj.@"},
        {"layernorm.@", "norm.@"},
        {"predictor.@", "", drop},
        {"pooler.@", "", drop},
        {"classifier.@", "", drop}}},
      {"gasm", WeightOrigin::gasm, "layer.#.attention.q_proj.weight", {}, {}},
      {"V-JEPA 2 (Meta)",
       WeightOrigin::hub,
       "blocks.#.attn.qkv.weight",
       {"module.", "encoder.", "target_encoder.", "backbone."},
       {{"predictor.@", "", drop},
        {"patch_embed.proj.@", "embeddings.patch_embeddings.@"},
        {"blocks.#.attn.qkv.@", "layer.#.attention.{}_proj.@", qkv},
        {"blocks.#.attn.proj.@", "layer.#.attention.o_proj.@"},
        {"blocks.#.mlp.fc1.@", "layer.#.mlp.up_proj.@"},
        {"blocks.#.mlp.fc2.@", "layer.#.mlp.down_proj.@"},
        {"blocks.#.@", "layer.#.@"}}}};
  return namings;
}

std::vector<NameRule> slowfast_rules() {
  std::vector<NameRule> rules = {{"s1.pathway0_stem.conv.@", "blocks.0.conv.@"},
                                 {"s1.pathway0_stem.bn.@", "blocks.0.norm.@"},
                                 {"head.projection.@", "blocks.6.proj.@"}};
  // Rules are views: what they look at stays.
  static std::vector<std::string> const texts = [] {
    std::vector<std::string> made;
    for (auto const& [stage, block] :
         {std::pair{2, 1}, std::pair{3, 3}, std::pair{4, 4}, std::pair{5, 5}})
      for (auto const& [theirs, ours] :
           {std::pair{"branch1.", "branch1_conv."},
            std::pair{"branch1_bn.", "branch1_norm."},
            std::pair{"branch2.a.", "branch2.conv_a."},
            std::pair{"branch2.a_bn.", "branch2.norm_a."},
            std::pair{"branch2.b.", "branch2.conv_b."},
            std::pair{"branch2.b_bn.", "branch2.norm_b."},
            std::pair{"branch2.c.", "branch2.conv_c."},
            std::pair{"branch2.c_bn.", "branch2.norm_c."}}) {
        made.push_back(fmt::format("s{}.pathway0_res#.{}@", stage, theirs));
        made.push_back(fmt::format("blocks.{}.res_blocks.#.{}@", block, ours));
      }
    return made;
  }();
  for (std::size_t i = 0; i < texts.size(); i += 2)
    rules.push_back({texts[i], texts[i + 1]});
  return rules;
}

std::vector<WeightNaming> const& i3d() {
  static std::vector<WeightNaming> const namings = {
      {"pytorchvideo I3D",
       WeightOrigin::hub,
       "blocks.0.conv.weight",
       {"model."},
       {}},
      {"SlowFast I3D",
       WeightOrigin::hub,
       "s1.pathway0_stem.conv.weight",
       {"module.", "model."},
       slowfast_rules()}};
  return namings;
}

std::vector<NameRule> timesformer_rules() {
  return {{"cls_token", "embeddings.cls_token"},
          {"pos_embed", "embeddings.position_embeddings"},
          {"time_embed", "embeddings.time_embeddings"},
          {"patch_embed.proj.@", "embeddings.patch_embeddings.projection.@"},
          {"blocks.#.norm1.@", "encoder.layer.#.layernorm_before.@"},
          {"blocks.#.norm2.@", "encoder.layer.#.layernorm_after.@"},
          {"blocks.#.temporal_norm1.@", "encoder.layer.#.temporal_layernorm.@"},
          {"blocks.#.attn.qkv.@", "encoder.layer.#.attention.attention.qkv.@"},
          {"blocks.#.attn.proj.@", "encoder.layer.#.attention.output.dense.@"},
          {"blocks.#.temporal_attn.qkv.@",
           "encoder.layer.#.temporal_attention.attention.qkv.@"},
          {"blocks.#.temporal_attn.proj.@",
           "encoder.layer.#.temporal_attention.output.dense.@"},
          {"blocks.#.temporal_fc.@", "encoder.layer.#.temporal_dense.@"},
          {"blocks.#.mlp.fc1.@", "encoder.layer.#.intermediate.dense.@"},
          {"blocks.#.mlp.fc2.@", "encoder.layer.#.output.dense.@"},
          {"norm.@", "layernorm.@"},
          {"pre_logits.@", "", drop},
          {"head.@", "classifier.@"}};
}

std::vector<WeightNaming> const& timesformer() {
  static std::vector<WeightNaming> const namings = {
      {"transformers TimeSformer",
       WeightOrigin::transformers,
       "encoder.layer.#.attention.attention.qkv.weight",
       {"timesformer."},
       {}},
      {"TimeSformer (authors)",
       WeightOrigin::hub,
       "blocks.#.temporal_fc.weight",
       {"model.", "module."},
       timesformer_rules()},
      // Of images: what TimeSformer is trained from (add_time).
      {"timm ViT",
       WeightOrigin::timm,
       "blocks.#.attn.qkv.weight",
       {"model.", "module."},
       timesformer_rules()}};
  return namings;
}

}  // namespace

std::span<WeightNaming const> namings_of(BackboneKind kind) {
  switch (kind) {
    case BackboneKind::dinov3:
      return dinov3();
    case BackboneKind::dinov2:
      return dinov2();
    case BackboneKind::clip:
      return clip();
    case BackboneKind::videomae:
      return videomae();
    case BackboneKind::vjepa2:
      return vjepa2();
    case BackboneKind::i3d_r50:
      return i3d();
    case BackboneKind::timesformer:
      return timesformer();
  }
  return {};
}

}  // namespace gasm
