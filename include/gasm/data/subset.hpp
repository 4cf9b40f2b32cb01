// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/data/annotations.hpp"

namespace gasm {

/// A foreign list of records that becomes split `split`.
struct SubsetSource {
  std::string split;           ///< "train": written as train.json
  std::filesystem::path file;  ///< an array of records with templates
};

enum class SubsetClasses {
  all,   ///< labels.json stays that of the whole data set
  used,  ///< only classes with a record, numbered anew in alphabetical order
};

/// What becomes of records whose template is no class of the data set.
enum class UnknownTemplates {
  refuse,  ///< nothing is written; the error names them
  skip,    ///< the other records are kept
};

struct SubsetOptions {
  SubsetClasses classes = SubsetClasses::all;
  UnknownTemplates unknown = UnknownTemplates::refuse;
};

struct SubsetSplit {
  AnnotatedSplit joined;  ///< classes and labels are those of the subset
  /// Class name that the data set does not have -> its records.
  std::map<std::string, std::int64_t> unknown;
  std::int64_t num_known_ids = 0;  ///< joined ids that the data set lists too
};

/// A selection of a data set's clips, such as the compositional and few-shot
/// splits of Something-Else.
struct AnnotationSubset {
  std::vector<std::string> classes;  ///< classes[label]
  std::vector<SubsetSplit> splits;   ///< one for each source, in order
  std::int64_t num_shared_ids = 0;   ///< ids that stand in several splits
  bool has_official_ids = false;     ///< the data set's own splits were there
};

/// Joins foreign records with the classes of the data set in `labels_dir` on
/// the template text without brackets: foreign label ids, which differ between
/// publications, are never read, nor is the order of a record's keys.
///
/// Where the folder holds the data set's own splits, an id that stands there
/// with another class is an error: the lists number other videos. Fails, too,
/// for a record without a template, unknown templates under
/// UnknownTemplates::refuse, and a source with no record left; errors name
/// file and record.
Result<AnnotationSubset> make_subset(std::filesystem::path const& labels_dir,
                                     std::span<SubsetSource const> sources,
                                     SubsetOptions const& options = {});

/// Writes labels.json and one SPLIT.json a split in the official format into a
/// new folder, which appears whole or not at all. Fails if `folder` holds
/// anything already.
Result<void> write_subset(AnnotationSubset const& subset,
                          std::filesystem::path const& folder);

}  // namespace gasm
