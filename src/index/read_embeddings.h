// Embeddings that were made elsewhere: a table with an item and its vector a row.
//
// A .parquet or .csv file has a column `item_id`, and the vector in one column of lists or in all other columns, one
// number each, in their order. A .npy file (NumPy's format, version 1 to 3, little-endian float32 or float64 of two
// dimensions in C order) has the vectors alone; `ids` then is a text file with an id a line. Every row must have as
// many finite numbers as the first one. Thread safety: pure functions.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/row_source.h"
#include "retrieve/embedding_index.h"

namespace gfr {

// kInvalidArgument names the row and what is wrong with it, or which bound of EmbeddingIndex the table breaks.
// `normalized`: vectors are scaled to length 1, so that the search is by cosine.
Result<std::shared_ptr<const EmbeddingIndex>> ReadEmbeddings(RowSource& rows, bool normalized);
Result<std::shared_ptr<const EmbeddingIndex>> ReadNumPyEmbeddings(std::string_view npy, std::string_view ids,
                                                                  bool normalized);

}  // namespace gfr
