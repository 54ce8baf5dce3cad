// What a register holds, as a term over what registers held before: two pieces of code that make the same terms do the
// same. Linear arithmetic is worked out, so that it does not matter how a sum or a number is put together; everything
// else stays an application of a name to terms. Equal terms have equal handles; unequal ones may still mean the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skep::encoding {

constexpr unsigned kRegisters = 64;
using Term = std::uint32_t;  ///< in the Terms that made it

/// Terms of one comparison. Widths are 32 or 64; results of 32 bits are zero-extended, as both processors' and BPF's.
class Terms {
 public:
  Terms();
  /// Forgets all terms but those of initial(), and joined bytes.
  void clear();

  /// From here on, numbers that are put together from loaded bytes are the sums of these: shifted, masked, joined and
  /// turned round byte by byte. A load of more than one byte has to be a sum as well.
  void join_bytes() { joins_bytes_ = true; }
  [[nodiscard]] bool joins_bytes() const noexcept { return joins_bytes_; }

  [[nodiscard]] Term constant(std::uint64_t value) { return intern({{}, value, false}); }
  /// What register `which` held at first.
  [[nodiscard]] static Term initial(unsigned which) { return which; }
  /// The value of a term that is one number.
  [[nodiscard]] std::optional<std::uint64_t> value(Term term) const;

  [[nodiscard]] Term low(Term a);  ///< the lower half
  [[nodiscard]] Term cut(unsigned width, Term a) { return width == 64 ? a : low(a); }
  [[nodiscard]] Term add(unsigned width, Term a, Term b);
  [[nodiscard]] Term sub(unsigned width, Term a, Term b) { return add(width, a, scale(width, b, ~std::uint64_t{0})); }
  [[nodiscard]] Term scale(unsigned width, Term a, std::uint64_t by);
  [[nodiscard]] Term mul(unsigned width, Term a, Term b);
  [[nodiscard]] Term mul_high(bool is_signed, Term a, Term b);  ///< the upper half of a product of 128 bits
  /// '&', '|', '^'.
  [[nodiscard]] Term logic(char operation, unsigned width, Term a, Term b);
  /// "lsh", "rsh", "arsh"; the count is taken modulo the width.
  [[nodiscard]] Term shift(std::string_view operation, unsigned width, Term a, Term count);
  [[nodiscard]] Term rotate_right(unsigned width, Term a, unsigned by);
  /// The quotient where the divisor is not 0 and it does not overflow; a constant divisor of 0 gives 0, of -1 wraps.
  [[nodiscard]] Term divide(bool is_signed, unsigned width, Term a, Term b);
  [[nodiscard]] Term remainder(bool is_signed, unsigned width, Term a, Term b);
  [[nodiscard]] Term swap(unsigned width, Term a);  ///< its bytes, the other way round
  [[nodiscard]] Term sign_extend(unsigned from, unsigned width, Term a);
  [[nodiscard]] Term zero_extend(unsigned from, Term a);
  /// Anything else; the result has `width` bits. `name` is static.
  [[nodiscard]] Term apply(std::string_view name, unsigned width, std::vector<Term> of, std::uint64_t extra = 0);

  /// A term as another one and a number: places around the same one have that one in common.
  [[nodiscard]] std::pair<Term, std::uint64_t> apart(Term term);
  /// The two that are "and"-ed, of which the second is a number if one is, and the width; nothing when it is no "and".
  struct Masked {
    Term value;
    Term mask;
    unsigned width;
  };
  [[nodiscard]] std::optional<Masked> masked(Term term) const;

  /// For messages.
  [[nodiscard]] std::string text(Term term) const;

 private:
  struct Atom {
    std::string_view name;
    unsigned width;
    std::vector<Term> of;
    std::uint64_t extra;
    bool operator==(const Atom&) const = default;
  };
  /// The sum of atoms, each with a factor, and a number. `low`: modulo 2^32.
  struct Sum {
    std::vector<std::pair<std::uint32_t, std::uint64_t>> parts;  // sorted by atom
    std::uint64_t number = 0;
    bool low = false;
    bool operator==(const Sum&) const = default;
  };

  /// Where equal ones are found: places by hash, as many as there are things, twice over.
  class Places {
   public:
    void clear();
    /// The thing that is_it; otherwise `next`, which is noted.
    template <class IsIt>
    std::uint32_t find(std::uint64_t hash, std::uint32_t next, const IsIt& is_it);

   private:
    struct Place {
      std::uint64_t hash = 0;
      std::uint32_t thing = 0;
      bool taken = false;
    };
    [[nodiscard]] std::size_t after(std::size_t at) const { return (at + 1) & (places_.size() - 1); }
    void grow();
    std::vector<Place> places_;
    std::size_t count_ = 0;
  };

  Term intern(Sum sum);
  [[nodiscard]] std::uint32_t intern_atom(Atom atom);
  [[nodiscard]] const Atom* only_atom(const Sum& sum) const;
  [[nodiscard]] Sum whole(Term term);
  [[nodiscard]] Sum half(Term term);
  [[nodiscard]] std::optional<Term> half_of_atom(std::uint32_t atom);
  static void add_to(Sum& sum, const Sum& other, std::uint64_t by);
  [[nodiscard]] Term unmasked(unsigned bits, Term a) const;
  [[nodiscard]] std::optional<Term> rotation(unsigned width, Term a, Term b);
  [[nodiscard]] std::optional<Term> unshifted(unsigned width, Term a, unsigned by);

  /// What lies in each byte: the atom of a loaded byte, or nothing for 0.
  using Bytes = std::array<std::optional<std::uint32_t>, 8>;
  /// Nothing where bytes are not joined, or the sum is anything else.
  [[nodiscard]] std::optional<Bytes> bytes_of(const Sum& sum) const;
  [[nodiscard]] Term joined(const Bytes& bytes);
  [[nodiscard]] std::optional<Term> joined(unsigned width, Term a, Term b);
  [[nodiscard]] std::optional<Term> masked_bytes(Term a, std::uint64_t mask);

  std::vector<Atom> atoms_;
  std::vector<Sum> sums_;
  bool joins_bytes_ = false;
  Places atom_places_;
  Places sum_places_;
};

}  // namespace skep::encoding
