// BTF, the type graph: bytes in, types out.
//
// parse() checks everything once (every id, offset, length and cycle), so that all other functions can trust the graph
// and never fail on ids that came from it. The types stay the bytes they were and are decoded each time they are asked
// for, because of a kernel's 150,000 an object asks for a hundred. Type id 0 is void. All views point into storage that
// the Btf owns; it is immutable and may be shared between threads. What parse() does not promise: that members lie
// inside their struct and variables inside their section (compilers leave sizes and offsets of sections to the loader),
// so readers of values check them. Time is proportional to the input, memory beside its bytes to the number of types:
// half a byte each, one and a half while parsing. Source: Linux Documentation/bpf/btf.rst.
//
// Split BTF, of kernel modules, stands on a base: its ids and string offsets go on where the base's end. A split Btf
// holds its own part only and asks the base for the rest, so that to the reader both are one graph.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <skep/error.hpp>

#include "base/bytes.hpp"

namespace skep::btf {

using TypeId = std::uint32_t;

/// Longest name; parse() refuses longer ones.
inline constexpr std::size_t kMaxNameBytes = 4096;
/// How deep types may nest by value: typedefs, qualifiers, arrays and members, but not pointers. Bounds every walk.
inline constexpr std::uint32_t kMaxNesting = 64;

enum class Kind : std::uint8_t {
  void_ = 0,
  int_ = 1,
  ptr = 2,
  array = 3,
  struct_ = 4,
  union_ = 5,
  enum_ = 6,
  fwd = 7,
  typedef_ = 8,
  volatile_ = 9,
  const_ = 10,
  restrict_ = 11,
  func = 12,
  func_proto = 13,
  var = 14,
  datasec = 15,
  float_ = 16,
  decl_tag = 17,
  type_tag = 18,
  enum64 = 19,
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
  TypeId var = 0;            ///< a Kind::var; in .ksyms also a Kind::func
  std::uint32_t offset = 0;  ///< bytes in the section; 0 where the compiler left it to the loader
  std::uint32_t size = 0;    ///< bytes; may be 0 likewise
};

class Btf;

/// One type. Which fields mean something depends on the kind.
struct Type {
  Kind kind = Kind::void_;
  bool kind_flag = false;         ///< fwd: is a union; enum: signed; struct: has bit fields
  std::uint8_t int_encoding = 0;  ///< int: 1 signed, 2 char, 4 bool
  std::uint8_t int_bits = 0;
  std::uint8_t int_bit_offset = 0;
  std::string_view name;
  std::uint32_t size = 0;  ///< bytes: int, float, enum, enum64, struct, union, datasec
  TypeId ref =
      0;  ///< ptr, typedef, qualifiers, tags, var, func (its proto), func_proto (its return), array (its element)
  TypeId index = 0;                     ///< array: type of the index
  std::uint32_t count = 0;              ///< array: number of elements
  std::uint32_t linkage = 0;            ///< func, var: 0 static, 1 global, 2 extern
  std::int32_t component = -1;          ///< decl_tag: which member or parameter; -1 the whole
  std::uint32_t vlen = 0;               ///< number of members, enumerators, parameters or section vars
  const std::byte* elements = nullptr;  ///< where those lie (internal)
};

/// What a type consists of, decoded one by one as they are read; a view into its Btf.
template <class T>
class Elements {
 public:
  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using reference = T;
    using iterator_category = std::input_iterator_tag;
    struct pointer {
      T element;
      const T* operator->() const noexcept { return &element; }
    };
    iterator() = default;
    T operator*() const noexcept { return (*all_)[index_]; }
    pointer operator->() const noexcept { return {**this}; }
    iterator& operator++() noexcept { return ++index_, *this; }
    iterator operator++(int) noexcept { return {all_, index_++}; }
    friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.index_ == b.index_; }

   private:
    friend class Elements;
    iterator(const Elements* all, std::uint32_t index) noexcept : all_(all), index_(index) {}
    const Elements* all_ = nullptr;
    std::uint32_t index_ = 0;
  };

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] T operator[](std::size_t index) const noexcept;
  [[nodiscard]] T front() const noexcept { return (*this)[0]; }
  [[nodiscard]] T back() const noexcept { return (*this)[count_ - 1]; }
  [[nodiscard]] iterator begin() const noexcept { return {this, 0}; }  ///< valid as long as this is
  [[nodiscard]] iterator end() const noexcept { return {this, count_}; }

 private:
  friend class Btf;
  const Btf* btf_ = nullptr;
  const std::byte* at_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint8_t step_ = 0;  ///< bytes of each
  bool flag_ = false;      ///< the type's kind_flag
};
template <>
Member Elements<Member>::operator[](std::size_t index) const noexcept;
template <>
Enumerator Elements<Enumerator>::operator[](std::size_t index) const noexcept;
template <>
Parameter Elements<Parameter>::operator[](std::size_t index) const noexcept;
template <>
SectionVar Elements<SectionVar>::operator[](std::size_t index) const noexcept;

class Btf {
 public:
  /// Parses the contents of a .BTF section or a raw BTF file, which are copied. Either byte order.
  /// Split BTF needs its `base`, and keeps it alive; time and memory are those of the split part and of what it holds
  /// by value of the base.
  [[nodiscard]] static Result<std::shared_ptr<const Btf>> parse(Bytes bytes, std::shared_ptr<const Btf> base = nullptr);
  /// The same without a copy, where the byte order is the machine's: `bytes` stay where and what they are for as long
  /// as there is an `owner`.
  [[nodiscard]] static Result<std::shared_ptr<const Btf>> parse_in_place(Bytes bytes, std::shared_ptr<const void> owner,
                                                                         std::shared_ptr<const Btf> base = nullptr);

  /// Number of ids, the base's included: valid ones are 0 (void) to size() - 1.
  [[nodiscard]] std::uint32_t size() const noexcept { return end_type_; }
  /// Bytes of all types but the base's, names not among them.
  [[nodiscard]] std::size_t record_bytes() const noexcept { return records_.size(); }
  /// What split BTF stands on; null for BTF that stands alone.
  [[nodiscard]] const Btf* base() const noexcept { return base_.get(); }
  /// The type of an id below size(); void for any other.
  [[nodiscard]] Type type(TypeId id) const noexcept;
  /// Its kind alone, which is quicker to find.
  [[nodiscard]] Kind kind(TypeId id) const noexcept;
  [[nodiscard]] Elements<Member> members(const Type& type) const noexcept;
  [[nodiscard]] Elements<Enumerator> enumerators(const Type& type) const noexcept;
  [[nodiscard]] Elements<Parameter> parameters(const Type& type) const noexcept;
  [[nodiscard]] Elements<SectionVar> section_vars(const Type& type) const noexcept;
  /// The string at an offset of the string section (of split BTF: counted from the base's), at most kMaxNameBytes of
  /// it; nothing past the section's end.
  [[nodiscard]] std::optional<std::string_view> string_at(std::uint32_t offset) const noexcept;

  /// The id behind typedefs, const, volatile, restrict and type tags. Ends always: cycles were refused by parse().
  [[nodiscard]] TypeId strip(TypeId id) const noexcept;
  /// Size in bytes of a value of the type (of a var: of its type); nothing for void, functions, tags and forward
  /// declarations, or past 2^32 - 1.
  [[nodiscard]] std::optional<std::uint32_t> size_of(TypeId id) const noexcept;
  /// First type of this kind and name; 0 when there is none or `name` is empty. The first call indexes all names (8
  /// bytes each), later ones take constant time on real input and never more than a scan. Thread-safe.
  [[nodiscard]] TypeId find(Kind kind, std::string_view name) const noexcept;

 private:
  Btf() = default;
  friend struct Parser;
  friend class TypeCursor;
  template <class T>
  friend class Elements;

  /// Every kMarked-th record has its place marked; those between are reached by stepping over the ones before.
  static constexpr std::uint32_t kMarked = 8;

  [[nodiscard]] const std::byte* record(TypeId id) const noexcept;
  [[nodiscard]] const char* text_at(std::uint32_t offset) const noexcept;
  template <class T>
  [[nodiscard]] Elements<T> elements(const Type& type, std::uint32_t step) const noexcept;
  void index_names() const;
  [[nodiscard]] std::uint32_t bucket(Kind kind, std::string_view name) const noexcept;

  std::shared_ptr<const Btf> base_;
  std::shared_ptr<const void> owner_;  ///< of the two spans
  Bytes records_, strings_;            ///< the strings end with a NUL
  TypeId first_type_ = 0, end_type_ = 1;
  std::uint32_t first_string_ = 0;
  std::vector<std::uint32_t> marks_;  ///< offset in records_ of each kMarked-th type

  // Chained hash of the named types, built by the first find(). Building compares no names, so that colliding ones cost
  // no more than a linear search.
  mutable std::once_flag indexed_;
  static constexpr std::uint32_t kNone = 0xffffffff;
  mutable std::vector<std::uint32_t>
      buckets_;                              ///< first of each chain, counted from first_type_; a power of two of them
  mutable std::vector<std::uint32_t> next_;  ///< next in the chain, ascending; kNone ends it
};

/// Passes over all types of a Btf but its base's, in order: the quickest way to see each one's kind and name.
class TypeCursor {
 public:
  /// `btf` outlives this.
  explicit TypeCursor(const Btf& btf) noexcept;
  /// Goes on to the next type, at first to the first; false behind the last.
  [[nodiscard]] bool next() noexcept;
  [[nodiscard]] TypeId id() const noexcept { return id_; }
  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  /// Ends with a NUL within kMaxNameBytes + 1; empty for what has no name.
  [[nodiscard]] const char* name() const noexcept { return name_; }

 private:
  const Btf& btf_;
  const std::byte* at_;
  TypeId id_;
  Kind kind_ = Kind::void_;
  const char* name_ = "";
};

/// One record of .BTF.ext function information.
struct FuncInfo {
  std::string_view section;      ///< ELF section name, in the Btf's strings
  std::uint32_t insn_bytes = 0;  ///< byte offset in the section, a multiple of 8; not checked against the section
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

/// A table of .BTF.ext in the file's order, its records decoded one by one as they are read; a view into the section's
/// bytes and the Btf it was parsed against, both of which must outlive it.
template <class Record>
class Records {
 public:
  class iterator {
   public:
    using value_type = Record;
    using difference_type = std::ptrdiff_t;
    using reference = Record;
    using iterator_category = std::input_iterator_tag;
    struct pointer {
      Record record;
      const Record* operator->() const noexcept { return &record; }
    };
    iterator() = default;
    Record operator*() const noexcept { return all_->decode(section_, at_); }
    pointer operator->() const noexcept { return {**this}; }
    iterator& operator++() noexcept {
      at_ += all_->record_bytes_;
      --left_;
      return enter_block(), *this;
    }
    iterator operator++(int) noexcept {
      iterator old = *this;
      return ++*this, old;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.at_ == b.at_; }
    /// Where the record lies, for decode().
    [[nodiscard]] const std::byte* place() const noexcept { return at_; }
    /// The section that it is about.
    [[nodiscard]] std::string_view section() const noexcept { return section_; }

   private:
    friend class Records;
    iterator(const Records* all, const std::byte* at) noexcept : all_(all), at_(at) { enter_block(); }
    /// Passes over the heads of blocks, empty ones included, up to a record or the end.
    void enter_block() noexcept;
    const Records* all_ = nullptr;
    const std::byte* at_ = nullptr;
    std::uint32_t left_ = 0;  ///< records of the block
    std::string_view section_;
  };

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] iterator begin() const noexcept { return {this, begin_}; }  ///< valid as long as this is
  [[nodiscard]] iterator end() const noexcept { return {this, end_}; }
  /// Passes over those before: for a few.
  [[nodiscard]] Record operator[](std::size_t index) const noexcept {
    return *std::next(begin(), static_cast<std::ptrdiff_t>(index));
  }
  /// The record at a place that an iterator gave, whose section is known already.
  [[nodiscard]] Record decode(std::string_view section, const std::byte* place) const noexcept;

 private:
  template <class>
  friend class TableReader;
  const Btf* btf_ = nullptr;
  const std::byte *begin_ = nullptr, *end_ = nullptr;  ///< of the blocks
  std::uint32_t record_bytes_ = 0, size_ = 0;
};

/// The contents of a .BTF.ext section. Type ids are checked against the Btf; texts longer than kMaxNameBytes are cut.
/// Nothing is copied: `bytes` and `btf` must outlive it.
struct BtfExt {
  Records<FuncInfo> funcs;
  Records<LineInfo> lines;
  Records<CoreReloc> relocs;
  [[nodiscard]] static Result<BtfExt> parse(Bytes bytes, const Btf& btf);
};

/// A C declaration of `id` named `name`: "struct event *name[4]". Types defined elsewhere are named, not expanded; an
/// empty name gives the type alone. At most about 1 KiB; what is left out prints as "…". Unprintable bytes of names
/// become "?".
[[nodiscard]] std::string format_declaration(const Btf& btf, TypeId id, std::string_view name);
/// A value of type `id` as one line of text: structs as "{src=1 name=\"eth0\"}" (members of anonymous structs among the
/// others, a section's variables likewise), arrays as "[1 2 3]", integers by their sign, enums by name, bools, pointers
/// in hex, arrays of char as strings up to their NUL. Reads only `bytes`; what is missing, or past about 4 KiB of text,
/// prints as "…"; what has no value (void, functions) as "?".
[[nodiscard]] std::string format_value(const Btf& btf, TypeId id, Bytes bytes);

}  // namespace skep::btf
