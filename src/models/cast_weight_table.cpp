// SPDX-License-Identifier: Apache-2.0
#include "weight_tables.hpp"

namespace gasm {
namespace {

using enum NameChange;

// The authors' source, KHU-VLL/CAST, models/bidir_modeling_crossattn.py, read
// in 2026. "t2s" is what the spatial stream takes from the temporal one, over
// time; "s2t" the reverse, over space; both call their last matrix t2s_proj.
// A last adapter is "noun" for space and "verb" for time.
std::vector<NameRule> authors_rules() {
  return {
      {"clip_conv1.@", "clip.embeddings.patch_embeddings.@"},
      {"clip_class_embedding", "clip.embeddings.cls_token", as_table},
      {"clip_positional_embedding", "clip.embeddings.position_embeddings",
       as_table},
      {"clip_ln_pre.@", "clip.input_norm.@"},
      {"clip_ln_post.@", "clip.norm.@"},
      {"blocks.#.clip_ln_1.@", "clip.layer.#.norm1.@"},
      {"blocks.#.clip_ln_2.@", "clip.layer.#.norm2.@"},
      {"blocks.#.clip_attn.in_proj_weight",
       "clip.layer.#.attention.{}_proj.weight", qkv},
      {"blocks.#.clip_attn.in_proj_bias", "clip.layer.#.attention.{}_proj.bias",
       qkv},
      {"blocks.#.clip_attn.out_proj.@", "clip.layer.#.attention.o_proj.@"},
      {"blocks.#.clip_mlp.c_fc.@", "clip.layer.#.mlp.up_proj.@"},
      {"blocks.#.clip_mlp.c_proj.@", "clip.layer.#.mlp.down_proj.@"},
      {"patch_embed.proj.@", "videomae.embeddings.patch_embeddings.@"},
      {"blocks.#.norm1.@", "videomae.layer.#.norm1.@"},
      {"blocks.#.norm2.@", "videomae.layer.#.norm2.@"},
      {"blocks.#.attn.qkv.weight", "videomae.layer.#.attention.{}_proj.weight",
       qkv},
      {"blocks.#.attn.q_bias", "videomae.layer.#.attention.q_proj.bias"},
      {"blocks.#.attn.v_bias", "videomae.layer.#.attention.v_proj.bias"},
      {"blocks.#.attn.proj.@", "videomae.layer.#.attention.o_proj.@"},
      {"blocks.#.mlp.fc1.@", "videomae.layer.#.mlp.up_proj.@"},
      {"blocks.#.mlp.fc2.@", "videomae.layer.#.mlp.down_proj.@"},
      {"blocks.#.S_Adapter.D_fc1.@", "blocks.#.spatial_adapter.down.@"},
      {"blocks.#.S_Adapter.D_fc2.@", "blocks.#.spatial_adapter.up.@"},
      {"blocks.#.T_Adapter.D_fc1.@", "blocks.#.temporal_adapter.down.@"},
      {"blocks.#.T_Adapter.D_fc2.@", "blocks.#.temporal_adapter.up.@"},
      {"blocks.#.S_MLP_Adapter.D_fc1.@", "blocks.#.spatial_mlp_adapter.down.@"},
      {"blocks.#.S_MLP_Adapter.D_fc2.@", "blocks.#.spatial_mlp_adapter.up.@"},
      {"blocks.#.T_MLP_Adapter.D_fc1.@",
       "blocks.#.temporal_mlp_adapter.down.@"},
      {"blocks.#.T_MLP_Adapter.D_fc2.@", "blocks.#.temporal_mlp_adapter.up.@"},
      {"blocks.#.cross_s_down.@", "blocks.#.cross.spatial_down.@"},
      {"blocks.#.cross_t_down.@", "blocks.#.cross.temporal_down.@"},
      {"blocks.#.ln_s_cross.@", "blocks.#.cross.spatial_norm.@"},
      {"blocks.#.ln_t_cross.@", "blocks.#.cross.temporal_norm.@"},
      {"blocks.#.cross_s_up.@", "blocks.#.cross.spatial_up.@"},
      {"blocks.#.cross_t_up.@", "blocks.#.cross.temporal_up.@"},
      {"blocks.#.t2s_cross.clip_time_pos",
       "blocks.#.cross.over_time.query_pos"},
      {"blocks.#.t2s_cross.vmae_time_pos",
       "blocks.#.cross.over_time.context_pos"},
      {"blocks.#.t2s_cross.t2s_q.weight", "blocks.#.cross.over_time.q.weight"},
      {"blocks.#.t2s_cross.t2s_q_bias", "blocks.#.cross.over_time.q.bias"},
      {"blocks.#.t2s_cross.t2s_kv.weight", "blocks.#.cross.over_time.{}.weight",
       kv},
      {"blocks.#.t2s_cross.t2s_kv_bias", "blocks.#.cross.over_time.{}.bias",
       kv},
      {"blocks.#.t2s_cross.t2s_proj.@", "blocks.#.cross.over_time.o.@"},
      {"blocks.#.s2t_cross.vmae_space_pos",
       "blocks.#.cross.over_space.query_pos"},
      {"blocks.#.s2t_cross.clip_space_pos",
       "blocks.#.cross.over_space.context_pos"},
      {"blocks.#.s2t_cross.s2t_q.weight", "blocks.#.cross.over_space.q.weight"},
      {"blocks.#.s2t_cross.s2t_q_bias", "blocks.#.cross.over_space.q.bias"},
      {"blocks.#.s2t_cross.s2t_kv.weight",
       "blocks.#.cross.over_space.{}.weight", kv},
      {"blocks.#.s2t_cross.s2t_kv_bias", "blocks.#.cross.over_space.{}.bias",
       kv},
      {"blocks.#.s2t_cross.t2s_proj.@", "blocks.#.cross.over_space.o.@"},
      {"vmae_fc_norm.@", "fc_norm.@"},
      {"noun_last_Adapter.D_fc1.@", "spatial_adapter.down.@"},
      {"noun_last_Adapter.D_fc2.@", "spatial_adapter.up.@"},
      {"verb_last_Adapter.D_fc1.@", "temporal_adapter.down.@"},
      {"verb_last_Adapter.D_fc2.@", "temporal_adapter.up.@"}};
}

}  // namespace

std::span<WeightNaming const> cast_namings() {
  static std::vector<WeightNaming> const namings = {
      {"CAST (authors)",
       WeightOrigin::hub,
       "blocks.#.t2s_cross.t2s_q.weight",
       {"module.", "model."},
       authors_rules()},
      {"gasm",
       WeightOrigin::gasm,
       "blocks.#.cross.over_time.q.weight",
       {},
       {}}};
  return namings;
}

}  // namespace gasm
