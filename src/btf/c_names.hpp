// Names for C: identifiers that the language takes, each used once in its name space (tags; typedefs and enumerators).
//
// Names that are unique stay as they are. Of equal ones the first keeps it, the others end in ___2, ___3, …, a number
// that no type has as its own name. The room's own header.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "btf/btf.hpp"

namespace skep::btf {

class CNames {
 public:
  /// Reads all names of `btf`, which must outlive this.
  explicit CNames(const Btf& btf);

  /// True when the names together are longer than `bytes`: then only some have been read.
  [[nodiscard]] bool longer_than(std::size_t bytes) const { return bytes_ > bytes; }
  /// The name of a named struct, union, enum, forward declaration or typedef.
  [[nodiscard]] std::string type(TypeId id) const;
  /// A name for an enumerator that is being printed: another each time.
  [[nodiscard]] std::string enumerator(std::string_view name);
  /// A name that needs to be an identifier, but not unique: of a member.
  [[nodiscard]] static std::string member(std::string_view name);

 private:
  using Space = std::map<std::string, std::uint32_t, std::less<>>;  ///< name → how many have it; 0: known, not yet used
  static std::uint32_t claim(Space& space, const std::string& name);

  const Btf& btf_;
  Space tags_, ordinary_;
  std::vector<std::uint32_t> numbers_;  ///< by id: 1 for the plain name; 0 for what has none
  std::size_t bytes_ = 0;
};

}  // namespace skep::btf
