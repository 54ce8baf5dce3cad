// BTF, the type graph: bytes in, types out.
//
// parse() checks everything once (every id, offset, length and cycle), so that all other functions can trust the graph and never
// fail on ids that came from it. Type id 0 is void. All views point into storage that the Btf owns; it is immutable and
// may be shared between threads. Source: Linux Documentation/bpf/btf.rst.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <skep/error.hpp>

#include "base/bytes.hpp"

namespace skep::btf {

using TypeId = std::uint32_t;

enum class Kind : std::uint8_t {
  void_ = 0, int_ = 1, ptr = 2, array = 3, struct_ = 4, union_ = 5, enum_ = 6, fwd = 7, typedef_ = 8, volatile_ = 9,
  const_ = 10, restrict_ = 11, func = 12, func_proto = 13, var = 14, datasec = 15, float_ = 16, decl_tag = 17,
  type_tag = 18, enum64 = 19,
};

/// A member of a struct or union.
struct Member {
  std::string_view name;  ///< empty for an anonymous one
  TypeId type = 0;
  std::uint32_t bit_offset = 0;
  std::uint32_t bit_size = 0;  ///< of a bit field; 0 for an ordinary member
};
struct Enumerator {
  std::string_view name;
  std::uint64_t value = 0;  ///< sign-extended when the enum is signed
};
struct Parameter {
  std::string_view name;
  TypeId type = 0;  ///< 0 with an empty name: the "..." of a variadic function
};
/// A variable in a section.
struct SectionVar {
  TypeId var = 0;  ///< a Kind::var
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

/// One type. Which fields mean something depends on the kind.
struct Type {
  Kind kind = Kind::void_;
  std::string_view name;
  std::uint32_t size = 0;     ///< bytes: int, float, enum, enum64, struct, union, datasec
  TypeId ref = 0;             ///< ptr, typedef, qualifiers, tags, var, func (its proto), func_proto (its return), array (its element)
  TypeId index = 0;           ///< array: type of the index
  std::uint32_t count = 0;    ///< array: number of elements
  bool kind_flag = false;     ///< fwd: is a union; enum: signed; struct: has bit fields
  std::uint8_t int_encoding = 0;  ///< int: 1 signed, 2 char, 4 bool
  std::uint8_t int_bits = 0;
  std::uint8_t int_bit_offset = 0;
  std::uint32_t linkage = 0;  ///< func, var: 0 static, 1 global, 2 extern
  std::int32_t component = -1;  ///< decl_tag: which member or parameter; -1 the whole
  std::uint32_t first = 0;    ///< index of this type's members, enumerators, parameters or section vars (internal)
  std::uint32_t vlen = 0;     ///< how many
};

class Btf {
 public:
  /// Parses the contents of a .BTF section or a raw BTF file, which are copied. Little-endian only.
  [[nodiscard]] static Result<std::shared_ptr<const Btf>> parse(Bytes bytes);

  /// Number of ids: valid ones are 0 (void) to size() - 1.
  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(types_.size()); }
  /// The type of an id below size(); void for any other.
  [[nodiscard]] const Type& type(TypeId id) const noexcept;
  [[nodiscard]] std::span<const Member> members(const Type& type) const noexcept;
  [[nodiscard]] std::span<const Enumerator> enumerators(const Type& type) const noexcept;
  [[nodiscard]] std::span<const Parameter> parameters(const Type& type) const noexcept;
  [[nodiscard]] std::span<const SectionVar> section_vars(const Type& type) const noexcept;
  /// The string at an offset of the string section; nothing past its end.
  [[nodiscard]] std::optional<std::string_view> string_at(std::uint32_t offset) const noexcept;

  /// The id behind typedefs, const, volatile, restrict and type tags. Ends always: cycles were refused by parse().
  [[nodiscard]] TypeId strip(TypeId id) const noexcept;
  /// Size in bytes of a value of the type; nothing for void, functions and forward declarations, or past 2^32 - 1.
  [[nodiscard]] std::optional<std::uint32_t> size_of(TypeId id) const noexcept;
  /// First type of this kind and name; 0 when there is none.
  [[nodiscard]] TypeId find(Kind kind, std::string_view name) const noexcept;

 private:
  Btf() = default;
  friend struct Parser;
  std::vector<std::byte> strings_;
  std::vector<Type> types_;
  std::vector<Member> members_;
  std::vector<Enumerator> enumerators_;
  std::vector<Parameter> parameters_;
  std::vector<SectionVar> section_vars_;
};

/// One record of .BTF.ext function information.
struct FuncInfo {
  std::string_view section;  ///< ELF section name, in the Btf's strings
  std::uint32_t insn_bytes = 0;  ///< byte offset in the section
  TypeId type = 0;               ///< a Kind::func
};
/// One record of .BTF.ext line information.
struct LineInfo {
  std::string_view section;
  std::uint32_t insn_bytes = 0;
  std::string_view file;
  std::string_view text;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};
/// One CO-RE relocation as recorded; resolving it is another file's work.
struct CoreReloc {
  std::string_view section;
  std::uint32_t insn_bytes = 0;
  TypeId type = 0;
  std::string_view access;  ///< "0:1:2"
  std::uint32_t kind = 0;   ///< enum bpf_core_relo_kind
};

/// The contents of a .BTF.ext section. Views point into the Btf it was parsed against.
struct BtfExt {
  std::vector<FuncInfo> funcs;
  std::vector<LineInfo> lines;
  std::vector<CoreReloc> relocs;
  [[nodiscard]] static Result<BtfExt> parse(Bytes bytes, const Btf& btf);
};

/// A C declaration of `id` named `name`: "struct event *name[4]". Types defined elsewhere are named, not expanded.
[[nodiscard]] std::string format_declaration(const Btf& btf, TypeId id, std::string_view name);
/// A value of type `id` as one line of text: "{src=10.0.0.1 …}" style structs by field name, integers by their sign, enums by name, chars
/// as strings where an array of char is NUL-terminated. Reads at most `bytes`; what is missing prints as "…".
[[nodiscard]] std::string format_value(const Btf& btf, TypeId id, Bytes bytes);

}  // namespace skep::btf
