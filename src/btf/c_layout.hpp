// What C makes of a struct or union by itself, so that what BTF says beyond that can be written down: attributes where
// members lie closer or further apart than their types ask for, padding for the rest. Rules of the System V ABI, as
// clang and gcc follow them for 64-bit targets with bit fields allocated from the low end. The room's own header.
#pragma once

#include <cstdint>
#include <vector>

#include "btf/btf.hpp"

namespace skep::btf {

struct CLayout {
  std::uint32_t align = 0;    ///< bytes
  bool packed = false;        ///< members would not come to lie where they do: needs the attribute
  std::uint32_t aligned = 0;  ///< needs this alignment as an attribute; 0 when it does not
};

class CLayouts {
 public:
  /// `btf` must outlive this.
  explicit CLayouts(const Btf& btf) : btf_(btf), known_(btf.size()) {}

  /// Of a struct or union.
  const CLayout& of(TypeId id);
  /// Alignment in bytes of a value of the type, 1 for what has none.
  std::uint32_t align_of(TypeId id);
  /// The bit at which C puts a member that follows bit `from` of a struct laid out so.
  std::uint64_t place(const CLayout& layout, const Member& member, std::uint64_t from);
  /// Bits that a member takes.
  [[nodiscard]] std::uint64_t bits_of(const Member& member) const;

 private:
  CLayout of_struct(const Type& type);
  CLayout of_union(const Type& type);

  const Btf& btf_;
  std::vector<CLayout> known_;  ///< align 0: not yet
};

/// One unnamed bit field that pads the bits [from, to), or as many of them as one can: `type` is the smallest integer
/// type in which it straddles no boundary.
struct CPadding {
  const char* type;
  std::uint32_t bits;
};
[[nodiscard]] CPadding next_padding(std::uint64_t from, std::uint64_t to);

}  // namespace skep::btf
