// The sections of globals of a skeleton, and what struct_ops maps and arenas begin with: a struct each, laid out as in
// the object.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <skep/error.hpp>

#include "loader/object_spec.hpp"

namespace skep::cli {

/// Identifiers of one scope, each used once.
class Identifiers {
 public:
  /// One made of `text`, with a number behind it when it is taken.
  [[nodiscard]] std::string add(std::string_view text);

 private:
  std::vector<std::string> taken_;
};

struct SkeletonSection {
  enum class Access { always, until_load, never };  ///< to write
  enum class Kind { globals, arena, struct_ops };   ///< only globals are there after load, too
  Kind kind = Kind::globals;
  std::string map;          ///< ".data.custom"
  std::string name;         ///< "data_custom"
  std::string type;         ///< "data_custom_section", in the namespace of types
  std::uint32_t bytes = 0;  ///< that its variables take
  Access access = Access::always;
};

struct SkeletonSections {
  std::vector<SkeletonSection> sections;  ///< those with variables to show
  std::string types;                      ///< definitions: of the variables' types, then of the sections
};

/// Static and hidden variables are left out; what lies where C++ would not put it becomes an array of bytes.
[[nodiscard]] Result<SkeletonSections> skeleton_sections(const loader::ObjectSpec& object);

}  // namespace skep::cli
