import * as z from 'zod';

/** One product of an order. Money is in US dollars, as the catalogue has it. */
export const OrderLine = z.object({
  productId: z.string().min(1),
  productName: z.string().min(1),
  category: z.string().min(1),
  quantity: z.int().positive(),
  sales: z.number().nonnegative().describe('The price of the whole line in US dollars, after the discount.'),
  discount: z.number().min(0).max(1).describe('0.2 means 20% off.'),
});

export type OrderLine = z.infer<typeof OrderLine>;
