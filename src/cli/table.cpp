// Two passes: measure, then print.
#include "cli/table.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace skep::cli {
namespace {

constexpr std::size_t kGap = 2;

/// A number with what may belong to it: sign, separators, a unit behind a blank, "0x".
bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.front() >= '0' && text.front() <= '9' &&
         text.find_first_not_of("0123456789abcdefx,.") == std::string_view::npos;
}

}  // namespace

std::size_t text_width(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void Table::column(std::string heading, Align align) { columns_.push_back({std::move(heading), align}); }

void Table::row(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }

bool Table::is_right(std::size_t column) const {
  if (columns_[column].align != Align::by_content) return columns_[column].align == Align::right;
  return std::all_of(rows_.begin(), rows_.end(), [column](const std::vector<Cell>& row) {
    return column >= row.size() || row[column].text.empty() || is_number(row[column].text);
  });
}

std::size_t Table::width(std::size_t column) const {
  std::size_t width = text_width(columns_[column].heading);
  for (const std::vector<Cell>& row : rows_)
    if (column < row.size()) width = std::max(width, text_width(row[column].text));
  return width;
}

std::string Table::text(const Paint& paint, std::size_t indent) const {
  std::vector<std::size_t> widths;
  std::vector<bool> right;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    widths.push_back(width(i));
    right.push_back(is_right(i));
  }
  std::string out;
  const auto line = [&](const std::vector<Cell>& cells) {
    std::size_t blanks = indent;  // owed before the next cell that has text
    for (std::size_t i = 0; i < columns_.size() && i < cells.size(); ++i) {
      const std::size_t padding = widths[i] - text_width(cells[i].text);
      if (right[i]) blanks += padding;
      if (!cells[i].text.empty()) {
        out.append(blanks, ' ').append(paint(cells[i].tone, cells[i].text));
        blanks = 0;
      }
      blanks += kGap + (right[i] ? 0 : padding);
    }
    out += '\n';
  };
  const auto headed = [](const Column& column) { return !column.heading.empty(); };
  if (std::any_of(columns_.begin(), columns_.end(), headed)) {
    std::vector<Cell> headings;
    for (const Column& column : columns_) headings.emplace_back(column.heading, Tone::faint);
    line(headings);
  }
  for (const std::vector<Cell>& row : rows_) line(row);
  return out;
}

}  // namespace skep::cli
