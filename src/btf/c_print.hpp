// The text of one C declaration: a definition, a forward declaration, a typedef. Which come, and in what order, is
// c_dump.cpp's to decide; here every named type but the one being defined is a mere name. The room's own header.
//
// Anonymous types have no name to refer to, so they are written out wherever they occur: kMaxCNesting, kMaxCSteps and
// kMaxCText bound that. Past one of them error() is set and nothing more is written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "btf/btf.hpp"
#include "btf/c_layout.hpp"
#include "btf/c_names.hpp"

namespace skep::btf {

class CPrinter {
 public:
  /// `btf` must outlive this.
  explicit CPrinter(const Btf& btf, CLanguage language = CLanguage::c);

  /// Of a named struct or union, or of any enum.
  void define(TypeId id);
  /// "struct name;", of a named struct, union or forward declaration.
  void declare(TypeId id);
  /// Nothing for what compilers have built in.
  void define_typedef(TypeId id);
  /// "struct event name[4]".
  void declare_variable(TypeId id, std::string_view name) { variable(id, name, 0); }
  [[nodiscard]] std::string identifier(std::string_view name) const { return names_.member(name); }
  [[nodiscard]] std::uint32_t align_of(TypeId id) { return layouts_.align_of(id); }
  void text(std::string_view text) { out_ += text; }

  /// Counts a step of work towards kMaxCSteps; false when there is to be no more.
  bool step(TypeId id);
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  /// A pointer, array or function between a name and the type at the far end.
  struct Derivation {
    TypeId id;
    std::uint32_t qualifiers;  ///< index in chain_ where those of the pointer begin; they end where it stands
    std::uint32_t at;          ///< its own index in chain_
  };

  void variable(TypeId id, std::string_view name, unsigned depth);
  bool follow(TypeId id);
  void base(TypeId id, unsigned depth);
  void left(std::size_t first, std::size_t last, bool named);
  void right(std::size_t first, std::size_t last, unsigned depth);
  void qualifiers(std::size_t from, std::size_t to, bool pointer);
  void type_tags(std::size_t from, std::size_t to);
  void parameters(const Type& proto, unsigned depth);
  void composite(TypeId id, unsigned depth);
  void members(const Type& type, const CLayout& layout, unsigned depth);
  void padding(std::uint64_t from, std::uint64_t to, unsigned depth);
  void enumeration(TypeId id, unsigned depth);
  void line(unsigned depth);
  void refuse(TypeId id, std::string what);
  [[nodiscard]] bool is_anonymous(TypeId id) const;
  [[nodiscard]] bool is_cpp() const { return language_ == CLanguage::cpp; }
  [[nodiscard]] std::string typedef_name(TypeId id) const;
  void bit_field(const Member& member, std::string_view name);
  [[nodiscard]] bool grips(std::size_t index) const;

  const Btf& btf_;
  CLanguage language_;
  CNames names_;
  CLayouts layouts_;
  std::string out_;
  std::vector<TypeId> chain_;            ///< from names to far ends: a stack, one run a variable being written
  std::vector<Derivation> derivations_;  ///< likewise
  std::uint32_t steps_ = 0;
  unsigned prototypes_ = 0;  ///< of C++, around what is being written
  std::optional<Error> error_;
};

}  // namespace skep::btf
