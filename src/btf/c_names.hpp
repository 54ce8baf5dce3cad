// Names for C: identifiers that the language takes, each used once in its name space (tags; typedefs and enumerators).
//
// Names that are unique stay as they are. Of equal ones the first keeps it, the others end in ___2, ___3, …, a number
// that no type has as its own name. In C++ the two name spaces are one, and a typedef of a tag by its own name is the
// tag. The room's own header.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "btf/btf.hpp"

namespace skep::btf {

enum class CLanguage : std::uint8_t { c, cpp };

/// An identifier made of any text: other characters become '_', a digit in front gets one, keywords one behind.
[[nodiscard]] std::string c_identifier(std::string_view name, CLanguage language);

class CNames {
 public:
  /// Reads all names of `btf`, which must outlive this.
  CNames(const Btf& btf, CLanguage language);

  /// True when the names together are longer than `bytes`: then only some have been read.
  [[nodiscard]] bool longer_than(std::size_t bytes) const { return bytes_ > bytes; }
  /// The name of a named struct, union, enum, forward declaration or typedef.
  [[nodiscard]] std::string type(TypeId id) const;
  /// A name for an enumerator that is being printed: another each time.
  [[nodiscard]] std::string enumerator(std::string_view name);
  /// A name that needs to be an identifier, but not unique: of a member.
  [[nodiscard]] std::string member(std::string_view name) const { return identifier(name); }

 private:
  using Space = std::map<std::string, std::uint32_t, std::less<>>;  ///< name → how many have it; 0: known, not yet used
  static std::uint32_t claim(Space& space, const std::string& name);
  [[nodiscard]] std::string identifier(std::string_view name) const { return c_identifier(name, language_); }
  [[nodiscard]] Space& tags() { return language_ == CLanguage::cpp ? ordinary_ : tags_; }
  [[nodiscard]] bool is_own_tag(const Type& type) const;

  const Btf& btf_;
  CLanguage language_;
  Space tags_, ordinary_;
  std::vector<std::uint32_t> numbers_;  ///< by id: 1 for the plain name; 0 for what has none
  std::size_t bytes_ = 0;
};

}  // namespace skep::btf
