// SPDX-License-Identifier: Apache-2.0
#include "gasm/config/load.hpp"

#include "gasm/base/file.hpp"
#include "validate.hpp"
#include "yaml_read.hpp"

namespace gasm {
namespace config_detail {
namespace {

template <class T>
std::vector<std::string> all_paths() {
  std::vector<std::string> paths;
  for (auto const& [path, text] : list_paths(T{})) paths.push_back(path);
  return paths;
}

/// A text and its overrides, parsed once and read as often as needed.
class Documents {
 public:
  Documents(std::string_view text, std::string const& name,
            std::span<std::string const> overrides,
            std::vector<std::string> const& paths) {
    add({name, true, paths, &places_}, parse_document(text, name));
    for (auto const& override_text : overrides)
      add({"--set " + override_text, false, paths, &places_},
          parse_override(override_text));
  }

  // The sources point to places_.
  Documents(Documents const&) = delete;
  Documents& operator=(Documents const&) = delete;

  template <class T>
  void read(T& value) {
    for (auto const& [source, node] : items_)
      read_section(source, node, source.place_of(node), "", value);
  }

  /// Does the text itself, without overrides, have this key at its top?
  bool has_section(std::string const& key) const {
    YAML::Node const& root = items_.front().second;
    return root.IsMap() && root[key].IsDefined();
  }

  /// Is there a section below that one?
  bool has_section(std::string const& key, std::string const& below) const {
    return has_section(key) && items_.front().second[key].IsMap() &&
           items_.front().second[key][below].IsDefined();
  }

  /// "file:3:7: " where the key stands, else "file: ".
  std::string locate(std::string_view path) const {
    auto const found = places_.find(std::string(path));
    auto const& name = items_.front().first.name;
    return (found == places_.end() ? name : found->second) + ": ";
  }

 private:
  void add(Source source, YAML::Node node) {
    items_.emplace_back(std::move(source), std::move(node));
  }

  Places places_;
  std::vector<std::pair<Source, YAML::Node>> items_;
};

/// Throws if the file set a size other than that of the preset it names.
template <class Part>
void refuse_contradictions(Documents const& documents, Part const& part,
                           std::string const& path,
                           std::string const& preset_key,
                           std::string const& preset) {
  auto const got = list_paths(part, path);
  auto const wanted = list_paths(with_preset_sizes(part), path);
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i].second == wanted[i].second) continue;
    throw usage_error(
        "{}{} is {}, but {}: {} has {}. Try {}: custom, or remove the key.",
        documents.locate(got[i].first), got[i].first, got[i].second, preset_key,
        preset, wanted[i].second, preset_key);
  }
}

/// Reads twice: the first pass tells the presets, whose sizes are the
/// defaults of the second.
RunConfig read_resolved(Documents& documents) {
  RunConfig first;
  documents.read(first);
  RunConfig file;
  file.model.semantic.kind = first.model.semantic.kind;
  file.model.semantic.preset = first.model.semantic.preset;
  file.model.semantic = with_preset_sizes(file.model.semantic);
  file.model.motion.kind = first.model.motion.kind;
  file.model.motion.vit.preset = first.model.motion.vit.preset;
  file.model.motion = with_preset_sizes(file.model.motion);
  file.model.timesformer.preset = first.model.timesformer.preset;
  file.model.timesformer = with_preset_sizes(file.model.timesformer);
  file.model.cast.preset = first.model.cast.preset;
  file.model.cast = with_preset_sizes(file.model.cast);
  documents.read(file);
  auto const& model = file.model;
  refuse_contradictions(documents, model.timesformer, "model.timesformer",
                        "preset", to_word(model.timesformer.preset));
  refuse_contradictions(documents, model.cast, "model.cast", "preset",
                        to_word(model.cast.preset));
  refuse_contradictions(documents, model.semantic, "model.semantic", "preset",
                        to_word(model.semantic.preset));
  bool const is_preset_vit =
      is_vit(model.motion.kind) && model.motion.vit.preset != VitPreset::custom;
  refuse_contradictions(documents, model.motion, "model.motion",
                        is_preset_vit ? "vit.preset" : "kind",
                        is_preset_vit ? to_word(model.motion.vit.preset)
                                      : to_word(model.motion.kind));
  return file;
}

std::string read_config_text(std::filesystem::path const& path) {
  auto text = read_text(path);
  if (!text) throw usage_error("{}", text.error().what());
  return *std::move(text);
}

}  // namespace
}  // namespace config_detail

using config_detail::Documents;

RunConfig parse_config(std::string_view text, std::string const& name,
                       std::span<std::string const> overrides) {
  Documents documents(text, name, overrides,
                      config_detail::all_paths<RunConfig>());
  auto config = config_detail::read_resolved(documents);
  config_detail::check(config, [&documents](std::string_view path) {
    return documents.locate(path);
  });
  return config;
}

RunConfig load_config(std::filesystem::path const& path,
                      std::span<std::string const> overrides) {
  return parse_config(config_detail::read_config_text(path), path.string(),
                      overrides);
}

ModelConfig parse_model_config(std::string_view text, std::string const& name,
                               std::span<std::string const> overrides) {
  Documents documents(text, name, overrides,
                      config_detail::all_paths<RunConfig>());
  auto file = config_detail::read_resolved(documents);
  if (!documents.has_section("model"))
    throw usage_error(
        "{}: there is no section model. Try the config.yaml of a run", name);
  config_detail::check(file.model, [&documents](std::string_view path) {
    return documents.locate(path);
  });
  return file.model;
}

namespace {

/// A file that describes a backbone alone.
struct BackboneFile {
  struct Model {
    BackboneConfig backbone;

    template <class Visitor, class Self>
    static void visit(Visitor& v, Self& self) {
      v.section("backbone", self.backbone, "A backbone on its own.");
    }
  };
  Model model;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.section("model", self.model, "What is run.");
  }
};

}  // namespace

std::optional<BackboneConfig> parse_backbone_config(
    std::string_view text, std::string const& name,
    std::span<std::string const> overrides) {
  if (!Documents(text, name, {}, {}).has_section("model", "backbone"))
    return std::nullopt;
  Documents documents(text, name, overrides,
                      config_detail::all_paths<BackboneFile>());
  BackboneFile file;
  documents.read(file);
  return with_sizes(file.model.backbone, name);
}

FusionSpec parse_fusion_spec(std::string_view text, std::string const& name,
                             std::span<std::string const> overrides) {
  Documents documents(text, name, overrides,
                      config_detail::all_paths<FusionSpec>());
  FusionSpec spec;
  documents.read(spec);
  config_detail::check(spec, [&documents](std::string_view path) {
    return documents.locate(path);
  });
  return spec;
}

}  // namespace gasm
